import ArgumentParser
import Content
import Glibc
import Recording
import SystemPackage

/// How the workload of an image is run to record which files it opens. The names are those of ctr-remote.
struct RecordingOptions: ParsableArguments {
    static let defaultPeriod = TimeSpan(milliseconds: 10_000)

    @Option(
        help: ArgumentHelp("Run this in place of the image's entrypoint, a JSON array.", valueName: "array"),
        transform: TextArray.read)
    var entrypoint: TextArray?

    @Option(
        help: ArgumentHelp("Run it with these in place of the image's command, a JSON array.", valueName: "array"),
        transform: TextArray.read)
    var args: TextArray?

    @Option(help: ArgumentHelp("Set this variable, NAME=VALUE; repeat it.", valueName: "variable"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Set the variables in this file, one a line.", valueName: "file"))
    var envFile: String?

    @Option(
        name: .customLong("user"),
        help: ArgumentHelp("Run it as USER[:GROUP], names or numbers, in place of the image's.", valueName: "user"))
    var account: String?

    @Option(help: ArgumentHelp("Run it in this directory in place of the image's.", valueName: "dir"))
    var cwd: String?

    @Option(
        help: ArgumentHelp(
            "Mount this as well, type=TYPE,source=PATH,destination=PATH,options=A:B; repeat it.", valueName: "mount"),
        transform: MountText.read)
    var mount: [MountText] = []

    @Option(
        help: ArgumentHelp("End the workload after this time. (default: \(Self.defaultPeriod))", valueName: "time"),
        transform: TimeSpan.read)
    var period: TimeSpan?

    @Flag(help: "Let the workload run until SIGINT, as Ctrl-C sends it.")
    var waitOnSignal = false

    @Option(help: ArgumentHelp("End the workload when a line that it prints holds this.", valueName: "text"))
    var waitOnLine: String?

    @Flag(help: "Take the profile although the workload fails.")
    var allowFailure = false

    @Flag(name: [.short, .long], help: "Give the workload a terminal; needs -i.")
    var terminal = false

    @Flag(name: .customShort("i"), help: "Let the workload read standard input.")
    var attachesInput = false

    @Option(
        help: ArgumentHelp("Make the container with this program. (default: runc, or else crun)", valueName: "program"))
    var runtime: String?

    @OptionGroup var network: WorkloadNetworkOptions

    func validate() throws {
        guard !terminal || attachesInput else { throw ValidationError("--terminal: expected -i as well") }
        guard !terminal || !waitOnSignal else {
            throw ValidationError("--terminal and --wait-on-signal exclude each other: there Ctrl-C is the workload's")
        }
        guard period == nil || !waitOnSignal else {
            throw ValidationError("--period and --wait-on-signal exclude each other")
        }
        guard period.map({ $0.milliseconds > 0 }) ?? true else {
            throw ValidationError("--period: expected more than 0")
        }
        guard waitOnLine.map({ !$0.isEmpty && !$0.contains { $0.isNewline } }) ?? true else {
            throw ValidationError("--wait-on-line: expected a part of one line")
        }
    }

    /// The first of these options that was given.
    var firstGiven: String? {
        let given: [(String, Bool)] = [
            ("--entrypoint", entrypoint != nil), ("--args", args != nil), ("--env", !env.isEmpty),
            ("--env-file", envFile != nil), ("--user", account != nil), ("--cwd", cwd != nil),
            ("--mount", !mount.isEmpty), ("--period", period != nil), ("--wait-on-signal", waitOnSignal),
            ("--wait-on-line", waitOnLine != nil), ("--allow-failure", allowFailure), ("--terminal", terminal),
            ("-i", attachesInput), ("--runtime", runtime != nil),
        ]
        return given.first { $0.1 }?.0 ?? network.firstGiven
    }

    /// What runs the workload and records; it can be sure that this is allowed here.
    ///
    /// - Parameters:
    ///   - command: in place of `--args`; empty for those.
    ///   - temporaryDirectory: where the image is unpacked.
    ///   - isQuiet: whether warnings alone are shown.
    /// - Returns: a profiler for one command.
    /// - Throws: says what is missing on this machine.
    func recorder(
        command: [String] = [], temporaryDirectory: FilePath, isQuiet: Bool
    ) throws -> WorkloadRecorder {
        let control = try RunControl()
        if waitOnSignal { Interruption.shared.take { control.finish() } }
        let recorder = WorkloadRecorder(try request(command), control: control, in: temporaryDirectory) { event in
            switch event {
            case .progress(let text), .remark(let text): if !isQuiet { Terminal.say(text) }
            case .warning(let text): Terminal.say("warning: \(text)")
            }
        }
        try recorder.checkPrivilege()
        return recorder
    }

    /// Stdin cannot be an image, or a password, and what the workload reads as well.
    struct TakenTwice: Failure {
        var kind: FailureKind { .usage }
        var description: String { "something else comes from stdin already, so the workload cannot read it with -i" }
    }

    private func request(_ command: [String]) throws -> WorkloadRequest {
        var request = WorkloadRequest()
        request.entrypoint = entrypoint?.texts ?? []
        request.arguments = command.isEmpty ? args?.texts ?? [] : command
        request.environment = try variablesOfFile() + env
        request.user = account
        request.workingDirectory = cwd
        request.mounts = mount.map(\.mount)
        request.period = waitOnSignal ? nil : (period ?? Self.defaultPeriod).duration
        request.awaitedText = waitOnLine
        request.allowsFailure = allowFailure
        request.usesTerminal = terminal
        request.attachesInput = attachesInput
        request.runtime = runtime
        network.apply(to: &request)
        return request
    }

    /// Blank lines and those that begin with `#` are none.
    private func variablesOfFile() throws -> [String] {
        guard let envFile else { return [] }
        let bytes = try FileSlice(opening: FilePath(envFile)).bytes()
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init).filter {
            !$0.hasPrefix("#") && !$0.allSatisfy(\.isWhitespace)
        }
    }
}

/// Texts as a JSON array, such as `["sh","-c","echo hi"]`.
struct TextArray: FormedArgument {
    static let form = #"a JSON array such as ["sh","-c","echo hi"]"#
    let texts: [String]

    init?(argument: String) {
        guard let array = try? JSON(parsing: Array(argument.utf8)).array else { return nil }
        texts = array.compactMap(\.string)
        guard texts.count == array.count else { return nil }
    }
}

/// A mount as ctr takes it; `src` and `dst` are short for its ends.
struct MountText: FormedArgument {
    static let form = "a mount such as type=bind,source=/data,destination=/srv,options=rbind:ro"

    let mount: WorkloadRequest.Mount

    init?(argument: String) {
        var values: [Substring: String] = [:]
        for field in argument.split(separator: ",") {
            let sides = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, let key = Self.keys[sides[0]],
                values.updateValue(String(sides[1]), forKey: key) == nil
            else { return nil }
        }
        guard let destination = values["destination"], destination.hasPrefix("/") else { return nil }
        let options = values["options"]?.split(separator: ":").map(String.init) ?? []
        let isBind = values["type"] == "bind" || options.contains("bind") || options.contains("rbind")
        guard let source = values["source"] ?? (isBind ? nil : values["type"]) else { return nil }
        mount = WorkloadRequest.Mount(
            type: values["type"] ?? (isBind ? "bind" : ""),
            // Seen from where the command runs, not from where the runtime does.
            source: isBind ? FilePath(source).resolved.string : source, destination: destination, options: options)
        guard !mount.type.isEmpty else { return nil }
    }

    private static let keys: [Substring: Substring] = [
        "type": "type", "source": "source", "src": "source", "destination": "destination", "dst": "destination",
        "options": "options",
    ]
}
