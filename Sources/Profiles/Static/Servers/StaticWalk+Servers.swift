import Archive

extension StaticWalk {
    /// Notes what nginx opens: its configuration, the modules that it loads, logs, and the page that is asked for first.
    func runNginx(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program)
        let options = Self.options(of: launch)
        // Where packages and the project itself put it.
        let names = ["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf"]
        let named = options["-c"].map { [launch.path($0)] } ?? names.map { EntryPath($0) }
        guard let configuration = named.lazy.compactMap({ self.files.findFile($0) }).first else { return }
        let prefixes =
            (options["-p"].map { [$0] } ?? ["/usr/share/nginx", "/usr/local/nginx", "/usr/lib/nginx"]).map {
                EntryPath($0)
            } + [configuration.path.directory]
        let texts = ConfigurationFiles(files, prefixes: prefixes)
        if let text = options["-g"] { try await texts.read(text, from: configuration.path.directory) }
        try await texts.open(configuration)
        for statement in texts.statements where statement.count > 1 && statement[0] == "load_module" {
            let found = prefixes.lazy.compactMap { self.files.findFile(statement[1], from: $0) }.first
            if let found { try await program.loader.open(found) }
        }
        let indexes = texts.statements.first { $0.first == "index" }?.dropFirst() ?? ["index.html"]
        for statement in texts.statements where statement.count > 1 && statement[0] == "root" {
            for place in prefixes.compactMap({ files.findDirectory(statement[1], from: $0) }).prefix(1) {
                _ = indexes.lazy.compactMap { self.files.open($0, from: place) }.first
            }
        }
    }

    /// Notes what Redis opens: its configuration, and what it has saved.
    func runRedis(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program)
        let texts = ConfigurationFiles(files)
        try await texts.open(namedBy: launch)
        for statement in texts.statements where statement.count > 1 && statement[0] == "loadmodule" {
            if let library = files.findFile(statement[1]) { try await program.loader.open(library) }
        }
        let options = Self.options(of: launch)
        let directory = launch.path(options["--dir"] ?? texts.value(of: "dir") ?? ".")
        files.open(directory.appending((options["--dbfilename"] ?? texts.value(of: "dbfilename") ?? "dump.rdb").utf8))
        if (options["--appendonly"] ?? texts.value(of: "appendonly")) == "yes",
            let place = files.findDirectory(directory.appending("appendonlydir".utf8))
        {
            for node in files.children(of: place) { files.open(node) }
        }
    }

    /// Options by what stands behind them, `--name=value` as well.
    static func options(of launch: Launch) -> [String: String] {
        var found: [String: String] = [:]
        for (name, value) in zip(launch.arguments, launch.arguments.dropFirst() + [""]) where name.hasPrefix("-") {
            if let mark = name.firstIndex(of: "="), name.hasPrefix("--") {
                found[String(name[..<mark])] = String(name[name.index(after: mark)...])
            } else if name.count > 2, !name.hasPrefix("--") {
                found[String(name.prefix(2))] = String(name.dropFirst(2))
            } else {
                found[name] = value
            }
        }
        return found
    }
}
