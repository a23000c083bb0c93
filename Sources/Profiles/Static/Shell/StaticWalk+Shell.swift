import Archive

extension StaticWalk {
    /// Longer scripts are no entry points.
    private static let scriptLimit: Int64 = 1 << 20

    /// Notes what a shell opens, and what the programs open that its script starts.
    func runShell(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program)
        var rest = launch.arguments.dropFirst()
        var isCommand = false
        while let option = rest.first, option.hasPrefix("-") || option.hasPrefix("+"), option.count > 1 {
            rest.removeFirst()
            if option == "--" { break }
            guard !option.hasPrefix("--") else { continue }
            if option.contains("c") { isCommand = true }
            if option.contains("l") { files.open("/etc/profile") }
            // `-o pipefail`
            if option.hasSuffix("o") { _ = rest.popFirst() }
        }
        guard let first = rest.popFirst() else { return }
        if isCommand {
            let run = ShellRun(
                self, launch, name: rest.first ?? launch.arguments.first ?? "", arguments: Array(rest.dropFirst()))
            try await run.run(first)
        } else if let script = files.findFile(first, from: launch.directory) {
            files.open(script)
            guard let size = files.size(of: script), size <= Self.scriptLimit,
                // To take it apart is most of the work.
                files.spend(Int(size / 64)), let text = try await files.text(of: script)
            else { return }
            let run = ShellRun(self, launch, name: first, arguments: Array(rest))
            try await run.run(String(decoding: text, as: UTF8.self))
        }
    }
}
