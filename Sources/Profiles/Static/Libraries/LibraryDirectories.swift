import Archive

/// Where the loader of a C library looks for libraries when neither the program nor the environment says so.
struct LibraryDirectories {
    /// What glibc's cache says; empty with other loaders.
    let cache: LibraryCache?
    /// Looked through in this order.
    let paths: [[UInt8]]
    /// Whether the loader is the C library as well, as musl's is.
    let isMusl: Bool

    private static let includeLimit = 256

    /// - Parameters:
    ///   - interpreter: the loader that the program names, links followed.
    ///   - architecture: that of the program.
    ///   - files: the image's; the files that the loader opens are noted.
    /// - Throws: when the image cannot be read.
    init(interpreter: MergedTree.Node, architecture: ELFFile.Architecture, in files: VisitedFiles) async throws {
        let name = String(decoding: interpreter.path.name, as: UTF8.self)
        // musl's loader is one file, often with the name libc.so and a link to it that says ld-musl-ARCH.so.1.
        isMusl = name.hasPrefix("ld-musl-") || name == "libc.so" || name.hasPrefix("libc.musl-")
        if isMusl {
            cache = nil
            paths = try await Self.muslPaths(interpreter, in: files)
            return
        }
        if let node = files.open("/etc/ld.so.preload") { _ = try await files.text(of: node) }
        if let node = files.open("/etc/ld.so.cache"), let bytes = try await files.text(of: node) {
            cache = LibraryCache(bytes, isBigEndian: architecture.isBigEndian)
        } else {
            cache = nil
        }
        // What ldconfig would put into the cache counts as if it were there: an image may lack the cache that the
        // build of its next layer makes. Then what glibc was built for; the loader itself lies there.
        let standard = architecture.is64Bit ? ["/lib64", "/usr/lib64", "/lib", "/usr/lib"] : ["/lib", "/usr/lib"]
        paths =
            try await Self.configuredPaths(in: files)
            + [Array("/".utf8) + interpreter.path.directory.bytes] + standard.map { Array($0.utf8) }
    }

    /// The directories of `/etc/ld.so.conf` and of what it includes.
    private static func configuredPaths(in files: VisitedFiles) async throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        var waiting = [files.findFile("/etc/ld.so.conf")].compactMap { $0 }
        var seen: Set<EntryPath> = []
        while let node = waiting.popLast(), seen.count < includeLimit {
            guard seen.insert(node.path).inserted else { continue }
            for line in try await files.lines(of: node) where !files.isExhausted {
                let words = line.prefix { $0 != "#" }.split { " \t:,".contains($0) }
                if words.first == "include" {
                    let included = words.dropFirst().flatMap {
                        files.included(String($0), from: node.path.directory)
                    }
                    waiting += included.reversed()
                } else {
                    found += words.filter { $0.hasPrefix("/") }.map { Array($0.utf8) }
                }
            }
        }
        return found
    }

    private static func muslPaths(_ interpreter: MergedTree.Node, in files: VisitedFiles) async throws -> [[UInt8]] {
        // Named after the loader: /etc/ld-musl-x86_64.path.
        let lists = (files.findDirectory("/etc").map(files.children) ?? []).filter {
            $0.path.name.starts(with: "ld-musl-".utf8) && $0.path.name.suffix(5).elementsEqual(".path".utf8)
        }
        if let list = lists.first, let node = files.open(list.path), let text = try await files.text(of: node) {
            return text.split { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "\n") }.map(Array.init)
        }
        return ["/lib", "/usr/local/lib", "/usr/lib"].map { Array($0.utf8) }
    }
}
