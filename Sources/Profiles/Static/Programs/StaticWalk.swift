import Archive

/// Follows what a container would start, from one program to the next.
///
/// A program is known by the name of its file, as it was called or as links lead to it. What cannot be told from the
/// image is left out.
final class StaticWalk {
    let files: VisitedFiles
    private var seen: Set<Launch> = []
    private var depth = 0

    /// More programs than any start has, and longer chains of them.
    private static let limit = 512
    private static let depthLimit = 24

    init(_ files: VisitedFiles) {
        self.files = files
    }

    /// Notes what a process opens until it does its work.
    ///
    /// - Throws: when the image cannot be read.
    func start(_ launch: Launch) async throws {
        guard let program = launch.program(in: files) else { return }
        try await start(program, for: launch)
    }

    /// Notes what a process opens that a file is executed in.
    ///
    /// - Throws: when the image cannot be read.
    func start(_ program: MergedTree.Node, for launch: Launch) async throws {
        guard depth < Self.depthLimit, seen.count < Self.limit, seen.insert(launch).inserted else { return }
        depth += 1
        defer { depth -= 1 }
        files.open(program)
        guard let head = try await files.head(of: program, count: 256) else { return }
        if let line = ScriptLine(head) {
            let script = named(program, by: launch)
            try await start(launch.running(line.words + [script] + launch.arguments.dropFirst()))
        } else if let file = try await ELFFile(program, in: files) {
            let loader = try await LibraryLoader(
                program, file, libraryPath: launch.environment["LD_LIBRARY_PATH"], in: files)
            try await run(Program(node: program, file: file, loader: loader), launch)
        } else if !head.isEmpty, !head.contains(0) {
            // `execvp` and shells give a file without such a line to the shell.
            let script = named(program, by: launch)
            try await start(launch.running(["/bin/sh", script] + launch.arguments.dropFirst()))
        }
    }

    /// How the kernel names a script to its interpreter: by the path that it was found by.
    private func named(_ program: MergedTree.Node, by launch: Launch) -> String {
        guard let name = launch.arguments.first, name.utf8.contains(UInt8(ascii: "/")) else {
            return "/\(program.path)"
        }
        return name
    }

    private func run(_ program: Program, _ launch: Launch) async throws {
        var launch = launch
        var names = [launch.arguments.first ?? "", program.node.path.description].map {
            String($0.split(separator: "/").last ?? "")
        }
        if names[1] == "busybox" {
            // One program for many names, or for what its first argument says.
            if names[0] == "busybox" {
                launch = launch.running(Array(launch.arguments.dropFirst()))
                names[0] = launch.arguments.first ?? ""
            }
            names.removeLast()
        }
        let startup = StartupFiles(files, launch.environment)
        for name in names {
            if let next = CommandWrapper.named(name)?.command(in: launch) {
                try await startup.open(for: program)
                try await start(next)
                return
            }
            guard let runtime = Self.runtime(named: name) else { continue }
            try await runtime(self, program, launch)
            return
        }
        try await startup.open(for: program)
        try await ConfigurationFiles(files).open(namedBy: launch)
    }

    /// What is known of a program beyond the libraries that it needs.
    private typealias Runtime = (StaticWalk, Program, Launch) async throws -> Void

    /// Names may have a version behind them: `python3.11`, `ruby2.7`, `perl5.36.0`, `redis-server-7`.
    private static func runtime(named name: String) -> Runtime? {
        let bare = name.prefix { !$0.isNumber }
        return switch bare.hasSuffix("-") ? String(bare.dropLast()) : String(bare) {
        case "sh", "bash", "dash", "ash", "ksh": { try await $0.runShell($1, $2) }
        case "python", "pypy": { try await $0.runPython($1, $2) }
        case "node", "nodejs": { try await $0.runNode($1, $2) }
        case "ruby": { try await $0.runRuby($1, $2) }
        case "perl": { try await $0.runPerl($1, $2) }
        case "java": { try await $0.runJava($1, $2) }
        case "nginx": { try await $0.runNginx($1, $2) }
        case "redis-server", "valkey-server": { try await $0.runRedis($1, $2) }
        case "postgres", "postmaster": { try await $0.runPostgres($1, $2) }
        default: nil
        }
    }
}

/// A program in the file system, and what its loader has loaded for it.
struct Program {
    let node: MergedTree.Node
    let file: ELFFile
    let loader: LibraryLoader
}
