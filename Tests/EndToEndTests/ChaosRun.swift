import Content
import FoundationEssentials
import Glibc
import SystemPackage
import TestSupport

/// Two registries with the images of the test in them, one of which demands a password.
struct ChaosGround: Sendable {
    static let user = (name: "someone", password: "hush-4711")

    let images: ChaosImages
    let directory: FilePath
    let open: PlainRegistry
    let guarded: PlainRegistry

    static let token = Data("\(user.name):\(user.password)".utf8).base64EncodedString()
}

/// What became of one run of the program through a proxy.
struct ChaosOutcome: Sendable {
    /// The command that was run.
    let verb: String
    let status: Int32
    let injected: [ChaosFault: Int]
    /// Everything that is not as it has to be.
    let problems: [String]
}

/// One run of the program through a proxy, chosen and disturbed by a seed.
struct ChaosRun: Sendable {
    /// From where to where.
    enum Journey {
        case betweenRepositories, fromLayout, intoLayout
    }

    /// How often which is taken.
    private static let errands: [(verb: String, journey: Journey)] = [
        ("convert", .betweenRepositories), ("convert", .fromLayout), ("push", .fromLayout),
        ("convert", .betweenRepositories), ("convert", .fromLayout), ("push", .fromLayout),
        ("convert", .intoLayout), ("pull", .intoLayout), ("copy", .betweenRepositories),
    ]

    let seed: UInt64
    private let ground: ChaosGround
    private let verb: String
    private let journey: Journey
    private let image: String
    private let isGuarded: Bool
    private let replacesOldImage: Bool
    /// Too little patience for three faults: such runs may well fail.
    private let isImpatient: Bool
    private let isVerbose: Bool

    init(seed: UInt64, on ground: ChaosGround) {
        self.seed = seed
        self.ground = ground
        var random = SeededGenerator(seed ^ 0x5eed)
        (verb, journey) = Self.errands[Int(random.next() % UInt64(Self.errands.count))]
        image = ChaosImages.names[Int(random.next() % UInt64(ChaosImages.names.count))]
        isGuarded = random.next() % 4 == 0
        replacesOldImage = random.next() % 2 == 0
        isImpatient = random.next() % 5 == 0
        isVerbose = random.next() % 8 == 0
    }

    private var registry: PlainRegistry { isGuarded ? ground.guarded : ground.open }
    /// The repository or the directory that the result goes to; the tag is always `tag`.
    private var repository: String { "run-\(seed)" }
    private var layout: FilePath { ground.directory.appending(repository) }
    private var destination: StoredImage {
        journey == .intoLayout ? StoredImage(layout: layout) : registry.image(in: repository)
    }
    private var expected: String? {
        verb == "convert" ? ground.images.converted[image] : ground.images.digests[image]
    }

    func outcome() async throws -> ChaosOutcome {
        let old = replacesOldImage ? try await makeOldImage() : nil
        let proxy = try ChaosProxy(before: registry, ChaosPlan(seed: seed))
        let configuration = ground.directory.appending("docker-\(seed)")
        try write(
            Array(#"{"auths":{"\#(proxy.name)":{"auth":"\#(ChaosGround.token)"}}}"#.utf8),
            to: configuration.appending("config.json"))
        // The shell's `timeout`: a run that hangs is ended, and has status 137.
        let command = try await Command.run(
            "timeout", ["--signal", "KILL", "60", Command.esgz] + arguments(through: proxy.name),
            environment: ["DOCKER_CONFIG": configuration.string, "TMPDIR": ground.directory.string])
        return try await onThread {
            proxy.stop()
            var problems = proxy.violations + self.problems(of: command, spoiled: proxy.spoiledContent)
            do {
                problems += try problemsOfTag(after: command, old: old)
            } catch {
                problems.append("the image is not whole: \(error)")
            }
            if !problems.isEmpty {
                problems.append(
                    """
                    \(verb) \(journey)\(isImpatient ? ", impatient" : ""); faults: \(ChaosFault.text(proxy.injected)); \
                    status \(command.status): \(command.errors)
                    """)
            }
            return ChaosOutcome(verb: verb, status: command.status, injected: proxy.injected, problems: problems)
        }
    }

    /// Puts the old image where the new one will go.
    private func makeOldImage() async throws -> String {
        let old = ground.images.digests[ChaosImages.old] ?? ""
        if journey == .intoLayout {
            try FileManager.default.copyItem(atPath: ground.images.oldLayout.string, toPath: layout.string)
        } else {
            try await onThread {
                try registry.mount(registry.image(in: "source"), old, from: "source", to: repository, tag: "tag")
            }
        }
        return old
    }

    private func arguments(through proxy: String) -> [String] {
        let inRegistry = "\(proxy)/source:\(image)"
        let inLayout = "oci:\(ground.images.layout):\(image)"
        let places =
            switch journey {
            case .betweenRepositories: [inRegistry, "\(proxy)/\(repository):tag"]
            case .fromLayout: [inLayout, "\(proxy)/\(repository):tag"]
            case .intoLayout: [inRegistry, "oci:\(layout):tag"]
            }
        return [verb, isVerbose ? "--verbose" : "--quiet", "--retry-delay", "5ms"]
            + (isImpatient ? ["--retry", "1"] : [])
            + places
    }

    /// What the program says must be what happened.
    private func problems(of command: Command, spoiled: Bool) -> [String] {
        var problems: [String] = []
        let said = command.output + command.errors
        if [ChaosGround.user.password, ChaosGround.token].contains(where: said.contains) {
            problems.append("shows a secret")
        }
        let errors = command.errors.split(separator: "\n").filter { !isVerbose || $0.hasPrefix("error:") }
        if command.status == 0 {
            if command.output != "\(expected ?? "")\n" { problems.append("prints another digest: \(command.output)") }
            if !errors.isEmpty { problems.append("says something although all went well") }
        } else {
            // With at most three faults a blob, only content that is wrong can keep a patient run from its end.
            let isExpected = command.status == 8 && spoiled || command.status == 5 && isImpatient
            if !isExpected { problems.append("ends with status \(command.status)") }
            if !command.output.isEmpty { problems.append("prints a result: \(command.output)") }
            if errors.count != 1 || errors.first?.hasPrefix("error: ") != true {
                problems.append("expected one line that says what went wrong")
            }
        }
        return problems
    }

    /// The tag as the destination has it: the old image or the new one, and whole.
    private func problemsOfTag(after command: Command, old: String?) throws -> [String] {
        let found =
            journey == .intoLayout
            ? try StoredImage.digest(of: "tag", inLayout: layout) : try registry.digest(of: "tag", in: repository)
        guard let digest = found else {
            return old == nil && command.status != 0 ? [] : ["the tag is gone"]
        }
        guard digest == expected || digest == old && command.status != 0 else { return ["the tag names \(digest)"] }
        try destination.parts(below: digest)
        guard journey == .intoLayout else { return [] }
        return try names(below: layout).filter { $0.contains(".esgz-") }.map { "leaves \($0)" }
    }
}

extension ChaosFault {
    static func text(_ counts: [ChaosFault: Int]) -> String {
        allCases.compactMap { fault in counts[fault].map { "\($0) × \(fault.rawValue)" } }.joined(separator: ", ")
    }
}
