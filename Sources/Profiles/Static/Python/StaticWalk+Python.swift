import Archive

extension StaticWalk {
    /// Notes what an interpreter of Python opens: what it needs itself, and what the program imports.
    func runPython(_ program: Program, _ launch: Launch) async throws {
        let startup = StartupFiles(files, launch.environment)
        let command = PythonCommand(launch.arguments)
        guard
            let installation = try await PythonInstallation(
                program, invoked: launch.invokedPath(in: files) ?? program.node.path,
                home: launch.environment["HOME"], in: files)
        else { return try await startup.open(for: program, in: "libpython") }
        if let file = installation.environmentFile { files.open(file) }
        // Without a locale it takes C.UTF-8 for the encoding (PEP 538).
        if !["LC_ALL", "LC_CTYPE", "LANG"].contains(where: { launch.environment[$0]?.isEmpty == false }) {
            startup.openLocale(named: "C.UTF-8", categories: ["LC_CTYPE"])
        }
        try await startup.open(for: program, in: "libpython")

        let libraryPath = command.ignoresEnvironment ? nil : launch.environment["PYTHONPATH"]
        let importer = PythonImporter(
            installation,
            path: [firstPath(of: command, launch)].compactMap { $0 }
                + (libraryPath ?? "").split(separator: ":").map { launch.path(String($0)) },
            optimization: command.optimization, builtin: try await builtinModules(of: program), loader: program.loader,
            in: files)
        try await startPython(importer, installation, skipsSite: command.skipsSite)
        try await run(command, launch, with: importer)
    }

    /// The place of the program comes first in `sys.path`.
    private func firstPath(of command: PythonCommand, _ launch: Launch) -> EntryPath? {
        switch command.program {
        case .code, .module: command.isIsolated ? nil : launch.directory
        case .script(let name):
            files.find(name, from: launch.directory).map {
                files.tree.kind(of: $0) == .directory ? $0.path : $0.path.directory
            }
        case .none: nil
        }
    }

    /// Each has a function in the program, or in the library that does its work.
    private func builtinModules(of program: Program) async throws -> Set<String> {
        var names: Set = ["sys", "builtins", "marshal", "_imp", "_frozen_importlib", "_frozen_importlib_external"]
        names.formUnion(
            try await program.file.symbols(of: program.node, in: files).suffixes(after: "PyInit_"))
        if let (node, file) = program.loader.loaded("libpython") {
            names.formUnion(try await file.symbols(of: node, in: files).suffixes(after: "PyInit_"))
        }
        return names
    }

    /// What runs before the program: encodings, and the module `site` with what it looks for.
    private func startPython(
        _ importer: PythonImporter, _ installation: PythonInstallation, skipsSite: Bool
    ) async throws {
        try await importer.load(["encodings"])
        try await importer.load(["encodings", "utf_8"])
        if !installation.version.isAtLeast(3, 10) { try await importer.load(["encodings", "latin_1"]) }
        for name in ["io", "abc", "codecs", "os"] { try await importer.load([name]) }
        guard !skipsSite else { return }
        try await importer.load(["site"])
        for site in installation.sites {
            importer.append(site)
            for node in files.children(of: site) where node.path.name.suffix(4).elementsEqual(".pth".utf8) {
                files.open(node)
                for line in try await files.lines(of: files.findFile(node.path)) where !line.hasPrefix("#") {
                    if line.hasPrefix("import ") || line.hasPrefix("import\t") {
                        try await importer.runProgram(Array(line.utf8))
                    } else if let directory = files.findDirectory(line.trimming(\.isWhitespace), from: site) {
                        importer.append(directory)
                    }
                }
            }
        }
        try await importer.load(["sitecustomize"])
        try await importer.load(["usercustomize"])
    }

    private func run(_ command: PythonCommand, _ launch: Launch, with importer: PythonImporter) async throws {
        switch command.program {
        case .none: return
        case .code(let code): try await importer.runProgram(Array(code.utf8))
        case .module(let name):
            try await importer.load(["runpy"])
            try await importer.runProgram(module: name.split(separator: ".").map(String.init))
        case .script(let name):
            guard var node = files.find(name, from: launch.directory) else { return }
            if files.tree.kind(of: node) == .directory {
                guard let main = files.findFile(node.path.appending("__main__.py".utf8)) else { return }
                node = main
            }
            files.open(node)
            if let text = try await files.text(of: node) { try await importer.runProgram(text) }
        }
        // Servers get the application as `module:name`.
        for argument in command.arguments {
            let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.first?.isLetter == true || $0.first == "_" }),
                parts[0].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." })
            else { continue }
            importer.append(launch.directory)
            try await importer.load(parts[0].split(separator: ".").map(String.init))
        }
    }
}
