import Archive

extension StaticWalk {
    /// Notes what Perl opens: what the program uses, and what that uses.
    func runPerl(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program)
        let scripts = RequiredScripts(.perl, places: perlPlaces(), loader: program.loader, in: files)
        scripts.prepend((launch.environment["PERL5LIB"] ?? "").split(separator: ":").map { launch.path(String($0)) })
        try await run(launch.arguments.dropFirst(), launch, with: scripts, code: "-e", library: ["-M", "-m"])
    }

    /// Debian's order, then that of an installation from source; below most there is a directory for each version.
    private func perlPlaces() -> [EntryPath] {
        func machines(_ root: String) -> [EntryPath] {
            directories(in: EntryPath(root)).filter { $0.name.contains(UInt8(ascii: "-")) }
        }
        func versions(_ place: EntryPath) -> [EntryPath] {
            directories(in: place).filter { $0.name.first == UInt8(ascii: "5") }
        }
        func below(_ places: [EntryPath], _ name: String) -> [EntryPath] { places.map { $0.appending(name.utf8) } }

        let (own, local) = (machines("usr/lib"), machines("usr/local/lib"))
        let source = ["usr/local/lib/perl5/site_perl", "usr/local/lib/perl5", "usr/lib/perl5", "usr/share/perl5"]
        var places = [EntryPath("etc/perl")] + below(local, "perl").flatMap(versions)
        places += versions(EntryPath("usr/local/share/perl")) + below(own, "perl5").flatMap(versions)
        places += [EntryPath("usr/share/perl5")] + below(own, "perl-base") + below(own, "perl").flatMap(versions)
        places += versions(EntryPath("usr/share/perl"))
        for root in source.map({ EntryPath($0) }) {
            places += (versions(root) + [root]).flatMap { version in
                directories(in: version).filter { $0.name.contains(UInt8(ascii: "-")) } + [version]
            }
        }
        return places
    }
}

extension RequiredScripts.Language {
    static var perl: Self {
        Self(
            suffixes: [".pm", ""], requests: requestsOfPerl,
            library: { name in
                let name = name.hasSuffix(".pm") ? String(name.dropLast(3)) : name
                return "auto/\(name)/\(name.split(separator: "/").last ?? "").so"
            })
    }

    /// `use Name` and `require Name`, also those of parents; `require` in blocks is for later.
    private static func requestsOfPerl(_ text: String) -> [RequiredScripts.Request] {
        var found: [RequiredScripts.Request] = []
        var isDocumentation = false
        for line in text.split(whereSeparator: \.isNewline) {
            if line == "__END__" || line == "__DATA__" { break }
            if line.first == "=" { isDocumentation = !line.hasPrefix("=cut") }
            if isDocumentation { continue }
            let isInBlock = line.first?.isWhitespace == true
            for statement in line.prefix(while: { $0 != "#" }).split(separator: ";") {
                found += requests(of: statement.split { $0.isWhitespace || "(),".contains($0) }, isInBlock: isInBlock)
            }
        }
        return found
    }

    private static func requests(of words: [Substring], isInBlock: Bool) -> [RequiredScripts.Request] {
        guard words.count > 1, words[0] == "use" || words[0] == "require" && !isInBlock, let first = words[1].first,
            first.isLetter || first == "_"
        else { return [] }
        var found = [RequiredScripts.Request(name: path(of: words[1]), isBeside: false)]
        guard words[1] == "parent" || words[1] == "base" else { return found }
        for word in words.dropFirst(2) where !word.hasPrefix("-") {
            let name = (word.hasPrefix("qw") ? word.dropFirst(2) : word).trimming { "'\"/[]{}<>".contains($0) }
            if !name.isEmpty { found.append(.init(name: path(of: name[...]), isBeside: false)) }
        }
        return found
    }

    private static func path(of module: Substring) -> String { String(module.replacing("::", with: "/")) }
}
