import Archive

/// Where an interpreter of Python finds its modules (Python library reference, "The initialization of the sys.path").
struct PythonInstallation {
    struct Version: Hashable {
        let major: Int
        let minor: Int

        /// From `python3.11` or `libpython3.11.so.1.0`.
        init?(after prefix: String, in name: some StringProtocol) {
            guard name.hasPrefix(prefix) else { return nil }
            let numbers = name.dropFirst(prefix.count).prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
                .split(separator: ".").compactMap { Int($0) }
            guard numbers.count >= 2 else { return nil }
            (major, minor) = (numbers[0], numbers[1])
        }

        func isAtLeast(_ major: Int, _ minor: Int) -> Bool { (self.major, self.minor) >= (major, minor) }
    }

    let version: Version
    let standardLibrary: EntryPath
    /// Where modules of others lie, in the order in which they are looked for.
    let sites: [EntryPath]
    /// What a virtual environment says of itself.
    let environmentFile: MergedTree.Node?

    /// - Parameters:
    ///   - program: the interpreter.
    ///   - invoked: the path that it was called by, which decides about virtual environments.
    ///   - home: `HOME` of the process.
    ///   - files: the image's.
    /// - Throws: when the image cannot be read.
    init?(_ program: Program, invoked: EntryPath, home: String?, in files: VisitedFiles) async throws {
        environmentFile =
            [invoked.directory, invoked.directory.directory].lazy
            .compactMap { files.findFile($0.appending("pyvenv.cfg".utf8)) }.first
        var start = program.node.path.directory
        var usesSystemSites = true
        if let environmentFile {
            for line in try await files.lines(of: environmentFile) {
                let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimming(\.isWhitespace) }
                guard parts.count == 2 else { continue }
                if parts[0] == "home" { start = EntryPath(parts[1]) }
                if parts[0] == "include-system-site-packages" { usesSystemSites = parts[1].lowercased() == "true" }
            }
        }
        let named =
            program.loader.loaded("libpython").flatMap {
                Version(after: "libpython", in: $0.node.path.name.text)
            } ?? Version(after: "python", in: program.node.path.name.text)
        guard let (library, version) = Self.library(above: start, version: named, in: files) else { return nil }
        (standardLibrary, self.version) = (library, version)

        let own = "python\(version.major).\(version.minor)"
        let prefix = library.directory.directory
        var places: [EntryPath] = []
        if let environmentFile { places += Self.sites(below: environmentFile.path.directory, own) }
        if environmentFile == nil || usesSystemSites {
            if let home, !home.isEmpty { places += Self.sites(below: EntryPath("\(home)/.local"), own) }
            places += Self.sites(below: prefix, own) + Self.debianSites(version)
        }
        sites = places.compactMap { files.findDirectory($0) }
    }

    /// The marks of the version in the names of compiled modules.
    var tag: String { "cpython-\(version.major)\(version.minor)" }

    /// The modules that are part of the program since 3.11, though they lie in the library as well.
    func isFrozen(_ module: String) -> Bool {
        version.isAtLeast(3, 11) && Self.frozen.contains(module)
    }

    private static let frozen: Set = [
        "abc", "codecs", "io", "_collections_abc", "_sitebuiltins", "genericpath", "ntpath", "posixpath", "os", "site",
        "stat", "importlib._bootstrap", "importlib._bootstrap_external", "importlib.util", "importlib.machinery",
        "zipimport", "runpy",
    ]

    private static func sites(below prefix: EntryPath, _ own: String) -> [EntryPath] {
        ["lib", "lib64"].map { prefix.appending(Array("\($0)/\(own)/site-packages".utf8)) }
    }

    /// Debian's packages leave the usual place to pip.
    private static func debianSites(_ version: Version) -> [EntryPath] {
        [
            "usr/local/lib/python\(version.major).\(version.minor)/dist-packages",
            "usr/lib/python\(version.major)/dist-packages",
        ].map { EntryPath($0) }
    }

    /// Goes up from the program until a library lies there; `os.py` marks it.
    private static func library(
        above start: EntryPath, version: Version?, in files: VisitedFiles
    ) -> (EntryPath, Version)? {
        var directory = start
        while true {
            for place in ["lib", "lib64"].compactMap({ files.findDirectory(directory.appending($0.utf8)) }) {
                let names =
                    version.map { ["python\($0.major).\($0.minor)"] }
                    ?? files.children(of: place).map { String($0.path.name.text) }.filter {
                        Version(after: "python", in: $0) != nil
                    }.reversed()
                for name in names {
                    guard let library = files.findDirectory(place.appending(name.utf8)),
                        files.findFile(library.appending("os.py".utf8)) != nil,
                        let version = version ?? Version(after: "python", in: name)
                    else { continue }
                    return (library, version)
                }
            }
            guard !directory.isRoot else { return nil }
            directory = directory.directory
        }
    }
}

extension ArraySlice<UInt8> {
    /// As text, whatever is no UTF-8 replaced.
    var text: String { String(decoding: self, as: UTF8.self) }
}
