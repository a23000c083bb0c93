import Archive
import Content

extension StaticWalk {
    /// Options with an argument behind them (node(1)); those with `=` have it in themselves.
    private static let nodeOptions: Set = [
        "-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file",
        "--title",
    ]
    /// What Debian keeps as files that Node has in itself elsewhere, in the order in which it reads them at the start.
    private static let debianModules = [
        "cjs-module-lexer/lexer.js", "cjs-module-lexer/dist/lexer.js", "undici/undici-fetch.js", "acorn/dist/acorn.js",
        "acorn-walk/dist/walk.js",
    ]

    /// Notes what Node opens: what it needs itself, and the modules that the program asks for.
    func runNode(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program, in: "libnode")
        if program.loader.loaded("libnode") != nil {
            for name in Self.debianModules { files.open("/usr/share/nodejs/\(name)") }
        }
        let modules = NodeModules(
            places: (launch.environment["NODE_PATH"] ?? "").split(separator: ":").map { launch.path(String($0)) }
                + [program.node.path.directory.directory.appending("lib/node".utf8), EntryPath("usr/share/nodejs")],
            loader: program.loader, in: files)
        var rest = launch.arguments.dropFirst()
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else {
                try await modules.runProgram(launch.path(word))
                return try await runPackageScript(of: word, Array(rest), launch)
            }
            if ["-r", "--require", "--import"].contains(word), let name = rest.first {
                try await modules.load(name, from: launch.directory, isImport: word == "--import")
            }
            if Self.nodeOptions.contains(word) { _ = rest.popFirst() }
            if ["-e", "--eval", "-p", "--print"].contains(word), let code = rest.popFirst() {
                for name in JavaScriptSource(Array(code.utf8)).required {
                    try await modules.load(name, from: launch.directory)
                }
                return
            }
        }
    }

    /// Follows `npm start` and the like to what the package in the working directory calls so.
    private func runPackageScript(of manager: String, _ arguments: [String], _ launch: Launch) async throws {
        let name = manager.split(separator: "/").last.map { $0.prefix { $0 != "." && $0 != "-" } } ?? ""
        guard ["npm", "yarn", "pnpm", "yarnpkg"].contains(name) else { return }
        var words = arguments.filter { !$0.hasPrefix("-") }[...]
        if words.first == "run" || words.first == "run-script" { words.removeFirst() }
        guard let script = words.first,
            let node = files.open("package.json", from: launch.directory), let text = try await files.text(of: node),
            // A malformed file names no script.
            let command = (try? JSON(parsing: text))?["scripts"]?[script]?.string
        else { return }
        var child = launch.running(["/bin/sh", "-c", command])
        let own = launch.path("node_modules/.bin")
        child.environment["PATH"] = "/\(own):\(launch.environment["PATH"] ?? Launch.defaultPath)"
        try await start(child)
    }
}
