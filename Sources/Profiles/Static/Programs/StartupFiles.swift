import Archive

/// The files that the C library and its companions read for a program before it does its work.
///
/// What a program asks the C library for is written in its symbols: one that does not import `getpwnam` never opens
/// `/etc/passwd`.
struct StartupFiles {
    private let files: VisitedFiles
    private let environment: [String: String]

    private static let users: Set = [
        "getpwnam", "getpwuid", "getpwnam_r", "getpwuid_r", "getpwent", "initgroups", "getgrouplist",
    ]
    private static let groups: Set = [
        "getgrnam", "getgrgid", "getgrnam_r", "getgrgid_r", "getgrent", "initgroups", "getgrouplist",
    ]
    private static let hosts: Set = ["getaddrinfo", "gethostbyname", "gethostbyname_r", "gethostbyname2_r"]
    private static let locales: Set = ["setlocale", "newlocale"]
    private static let conversions: Set = ["iconv_open"]
    private static let times: Set = ["localtime", "localtime_r", "tzset", "mktime"]
    private static let all = [users, groups, hosts, locales, conversions, times].reduce(Set<String>()) { $0.union($1) }

    init(_ files: VisitedFiles, _ environment: [String: String]) {
        self.files = files
        self.environment = environment
    }

    /// Notes what a program will read.
    ///
    /// - Parameters:
    ///   - program: what was loaded.
    ///   - library: the start of the name of the library that does its work, when the program itself is a stub.
    /// - Throws: when the image cannot be read.
    func open(for program: Program, in library: String? = nil) async throws {
        var symbols = try await program.file.symbols(of: program.node, in: files).intersection(Self.all)
        if let library, let (node, file) = program.loader.loaded(library) {
            symbols.formUnion(try await file.symbols(of: node, in: files).intersection(Self.all))
        }
        guard let loader = program.file.interpreter, !loader.isEmpty else { return }
        if !symbols.isDisjoint(with: Self.locales) { openLocale() }
        if !symbols.isDisjoint(with: Self.conversions) { openConversions() }
        if !symbols.isDisjoint(with: Self.times) { openTimeZone() }
        try await openNames(symbols, with: program.loader)
        if program.loader.loaded("libcrypto.so") != nil { openCryptography(program.loader) }
    }

    /// What `setlocale(LC_ALL, "")` opens in an environment, which may name a locale for each category.
    func openLocale() {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.filter { !$0.isEmpty }
        guard let name = names.first else { return }
        openLocale(named: name)
    }

    /// Notes what glibc opens for a locale.
    ///
    /// - Parameters:
    ///   - name: such as `de_DE.UTF-8`.
    ///   - categories: those that are asked for; `nil` for all.
    func openLocale(named name: String, categories: [String]? = nil) {
        guard name != "C", name != "POSIX" else { return }
        let directory = EntryPath("usr/lib/locale")
        if files.open(directory.appending("locale-archive".utf8)) != nil, !name.hasPrefix("C.") {
            openConversions()
            return
        }
        if categories == nil { files.open("/usr/share/locale/locale.alias") }
        // glibc writes the codeset of directories in small letters and without signs.
        let parts = name.split(separator: ".", maxSplits: 1)
        let codeset = parts.dropFirst().first.map { $0.lowercased().filter { $0.isLetter || $0.isNumber } }
        let normal = ([String(parts.first ?? "")] + [codeset].compactMap { $0 }).joined(separator: ".")
        for place in [name, normal].filter({ !$0.contains("/") }).map({ directory.appending($0.utf8) }) {
            guard files.findDirectory(place) != nil else { continue }
            let names = categories ?? files.children(of: place).map { $0.path.name.text }
            for name in names {
                files.open(place.appending(name.utf8))
                // The messages lie in a directory of their own.
                files.open(place.appending("\(name)/SYS_\(name)".utf8))
            }
            openConversions()
            return
        }
    }

    /// The list of character sets, which glibc reads with the first locale that is not C.
    func openConversions() {
        for directory in libraryDirectories() { files.open("\(directory)/gconv/gconv-modules.cache") }
    }

    private func openTimeZone() {
        guard let zone = environment["TZ"], !zone.isEmpty else {
            files.open("/etc/localtime")
            return
        }
        let name = zone.hasPrefix(":") ? String(zone.dropFirst()) : zone
        files.open(name.hasPrefix("/") ? name : "/usr/share/zoneinfo/\(name)")
    }

    /// What name services read: their configuration, and the files and modules that it names.
    private func openNames(_ symbols: Set<String>, with loader: LibraryLoader) async throws {
        let databases = [("passwd", Self.users), ("group", Self.groups), ("hosts", Self.hosts)].filter {
            !symbols.isDisjoint(with: $0.1)
        }.map(\.0)
        guard !databases.isEmpty else { return }
        let configuration = files.open("/etc/nsswitch.conf")
        let lines = try await files.lines(of: configuration)
        let builtin = try await builtinServices(loader)
        for database in databases {
            if database == "hosts" {
                for name in ["host.conf", "resolv.conf", "hosts", "gai.conf"] { files.open("/etc/\(name)") }
            } else {
                files.open("/etc/\(database)")
            }
            for line in lines {
                let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
                guard words.first == "\(database):" else { continue }
                // Reactions stand in brackets.
                for service in words.dropFirst()
                where service.allSatisfy({ $0.isLetter || $0 == "_" || $0.isNumber })
                    && !builtin.contains(String(service))
                {
                    try await loader.open(named: "libnss_\(service).so.2")
                }
            }
        }
    }

    /// The services that are part of the C library: since glibc 2.34, which a function of it tells.
    private func builtinServices(_ loader: LibraryLoader) async throws -> Set<String> {
        guard let (node, file) = loader.loaded("libc.so") else { return [] }
        let mark = "__nss_files_data_open"
        return try await file.symbols(of: node, in: files).intersection([mark]).isEmpty ? [] : ["files", "dns"]
    }

    /// What OpenSSL reads, wherever distributions have put it.
    private func openCryptography(_ loader: LibraryLoader) {
        let directories = ["/usr/lib/ssl", "/etc/ssl", "/etc/pki/tls", "/usr/local/ssl"]
        for directory in directories where files.findFile("\(directory)/openssl.cnf") != nil {
            files.open("\(directory)/openssl.cnf")
            break
        }
        guard loader.loaded("libssl.so") != nil else { return }
        for bundle in ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]
        where files.findFile(bundle) != nil {
            files.open(bundle)
            break
        }
    }

    /// The directories that the C library of the image may have been built for.
    private func libraryDirectories() -> [EntryPath] {
        ["usr/lib", "usr/lib64"].flatMap { name -> [EntryPath] in
            let directory = EntryPath(name)
            guard files.findDirectory(directory) == directory else { return [] }
            // Debian has one directory for each architecture.
            let inner = files.children(of: directory).filter {
                $0.path.name.contains(UInt8(ascii: "-")) && files.tree.kind(of: $0) == .directory
            }
            return [directory] + inner.map(\.path)
        }
    }
}
