import Archive

extension StaticWalk {
    /// Notes what Ruby opens: its encodings, RubyGems, and what the program requires.
    func runRuby(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program, in: "libruby")
        let prefix = program.node.path.directory.directory
        let places = rubyPlaces(prefix)
        let gems = rubyGems(prefix)
        let scripts = RequiredScripts(
            .ruby, places: places + gems.flatMap(\.libraries), loader: program.loader, in: files)
        scripts.prepend((launch.environment["RUBYLIB"] ?? "").split(separator: ":").map { launch.path(String($0)) })
        for name in ["enc/encdb.so", "enc/trans/transdb.so", "rbconfig", "rubygems"] { try await scripts.load(name) }
        for gem in gems { openSpecifications(gem.directory.appending("specifications/default".utf8)) }
        for name in ["rubygems/defaults/operating_system", "monitor", "error_highlight", "did_you_mean"] {
            try await scripts.load(name)
        }
        // The first gem that is not part of Ruby has all others looked through.
        let arguments = launch.arguments.dropFirst()
        let isInGem = !gems.allSatisfy(\.libraries.isEmpty)
        if isInGem, arguments.contains(where: { !$0.hasPrefix("-") }) {
            for gem in gems { openSpecifications(gem.directory.appending("specifications".utf8)) }
        }
        try await run(arguments, launch, with: scripts, code: "-e", library: ["-r"])
    }

    private struct Gems {
        let directory: EntryPath
        /// Those of each gem.
        let libraries: [EntryPath]
    }

    /// Where Ruby's own and vendors' files lie: below a directory for each version, those for the machine below that.
    private func rubyPlaces(_ prefix: EntryPath) -> [EntryPath] {
        var found: [EntryPath] = []
        for root in rubyRoots([prefix, EntryPath("usr/local")], below: "ruby") {
            let outer = ["site_ruby", "vendor_ruby"].compactMap { files.findDirectory(root.appending($0.utf8)) }
            for directory in outer + [root] {
                let versions = directories(in: directory).filter { $0.name.first.map(Self.isDigit) == true }
                found += versions.flatMap { [$0] + directories(in: $0).filter(isRubyMachine) }
                if directory != root { found.append(directory) }
            }
        }
        return found
    }

    private func rubyGems(_ prefix: EntryPath) -> [Gems] {
        let roots =
            rubyRoots([prefix, EntryPath("usr/local")], below: "ruby/gems")
            + rubyRoots([EntryPath("usr")], below: "rubygems-integration") + [
                EntryPath("usr/share/rubygems-integration")
            ]
            + [EntryPath("usr/local/bundle"), EntryPath("var/lib/gems")]
        return roots.compactMap { files.findDirectory($0) }.flatMap { [$0] + directories(in: $0) }.compactMap { root in
            let gems = directories(in: root.appending("gems".utf8))
            let libraries = gems.compactMap { files.findDirectory($0.appending("lib".utf8)) }
            let hasSpecifications = files.findDirectory(root.appending("specifications".utf8)) != nil
            return hasSpecifications ? Gems(directory: root, libraries: libraries) : nil
        }
    }

    /// `lib` of some prefixes, and Debian's directories for machines in it.
    private func rubyRoots(_ prefixes: [EntryPath], below name: String) -> [EntryPath] {
        prefixes.flatMap { prefix -> [EntryPath] in
            guard let library = files.findDirectory(prefix.appending("lib".utf8)) else { return [] }
            let inner = directories(in: library).filter { $0.name.contains(UInt8(ascii: "-")) }
            return ([library] + inner).compactMap { files.findDirectory($0.appending(name.utf8)) }
        }
    }

    private func isRubyMachine(_ directory: EntryPath) -> Bool {
        files.findFile(directory.appending("rbconfig.rb".utf8)) != nil
    }

    private func openSpecifications(_ place: EntryPath) {
        guard let directory = files.findDirectory(place) else { return }
        for node in files.children(of: directory) where node.path.name.suffix(8).elementsEqual(".gemspec".utf8) {
            files.open(node.path)
        }
    }

    /// What lies in a directory and is one.
    func directories(in place: EntryPath) -> [EntryPath] {
        guard let directory = files.findDirectory(place) else { return [] }
        return files.children(of: directory).filter { files.tree.kind(of: $0) == .directory }.map(\.path)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// Runs what the command line of an interpreter names: code, or a script.
    ///
    /// - Parameters:
    ///   - arguments: of the interpreter.
    ///   - launch: how it was started.
    ///   - scripts: load what is required.
    ///   - code: the option that code follows.
    ///   - library: the options that name something to be required, with the name behind it or in the next argument.
    /// - Throws: when the image cannot be read.
    func run(
        _ arguments: ArraySlice<String>, _ launch: Launch, with scripts: RequiredScripts, code: String,
        library: [String]
    ) async throws {
        var rest = arguments
        while let word = rest.popFirst() {
            if word == code {
                return try await scripts.run(rest.popFirst() ?? "", in: launch.directory)
            } else if word == "-I", let directory = rest.popFirst() {
                scripts.prepend([launch.path(directory)])
            } else if word.hasPrefix("-I") {
                scripts.prepend([launch.path(String(word.dropFirst(2)))])
            } else if let option = library.first(where: word.hasPrefix) {
                let name = word == option ? rest.popFirst() ?? "" : String(word.dropFirst(option.count))
                try await scripts.load(name.replacing("::", with: "/"))
            } else if !word.hasPrefix("-") {
                guard let script = files.findFile(word, from: launch.directory) else { return }
                return try await scripts.run(script)
            }
        }
    }
}

extension RequiredScripts.Language {
    static var ruby: Self { Self(suffixes: [".rb", ".so", ""], requests: requestsOfRuby, library: { _ in nil }) }

    /// `require "name"` and `require_relative "name"` outside methods.
    private static func requestsOfRuby(_ text: String) -> [RequiredScripts.Request] {
        var found: [RequiredScripts.Request] = []
        /// The indentation of the method that a line is in.
        var method: Int?
        var isComment = false
        for line in text.split(whereSeparator: \.isNewline) {
            if line == "__END__" { break }
            if line.hasPrefix("=begin") { isComment = true }
            if line.hasPrefix("=end") { isComment = false }
            let indentation = line.prefix { $0 == " " || $0 == "\t" }.count
            let statement = line.dropFirst(indentation)
            if isComment { continue }
            if let inner = method {
                if indentation <= inner, statement.hasPrefix("end") { method = nil }
                continue
            }
            if statement.hasPrefix("def "), !endsAtOnce(statement.dropFirst(4)) { method = indentation }
            let words = statement.split(maxSplits: 1) { $0 == " " || $0 == "(" }
            guard words.count == 2, words[0] == "require" || words[0] == "require_relative",
                let quote = words[1].first(where: { $0 == "\"" || $0 == "'" })
            else { continue }
            let parts = words[1].split(separator: quote, omittingEmptySubsequences: false)
            guard parts.count >= 3, parts[0].allSatisfy({ $0 == " " || $0 == "(" }), !parts[1].contains("#") else {
                continue
            }
            found.append(.init(name: String(parts[1]), isBeside: words[0] == "require_relative"))
        }
        return found
    }

    /// Whether a method is written in one line: `name; end`, or `name(…) = value`.
    private static func endsAtOnce(_ method: Substring) -> Bool {
        let rest = method.lastIndex(of: ")").map { method[$0...].dropFirst() } ?? method.drop { !$0.isWhitespace }
        return method.hasSuffix("end") || rest.drop { $0.isWhitespace }.hasPrefix("=")
    }
}
