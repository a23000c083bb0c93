import Archive

/// Finds the files of modules in the directories of `sys.path` and of packages.
final class PythonModuleFinder {
    struct Found {
        /// Of a package, where its modules lie; `nil` for a plain module.
        var directories: [EntryPath]?
        /// A module in Python.
        var source: MergedTree.Node?
        /// Where its compiled form lies: beside the name of the source, which may be a link to elsewhere.
        var cache: EntryPath?
        /// A module that is a library.
        var library: MergedTree.Node?
        /// A compiled module without a source.
        var compiled: MergedTree.Node?
    }

    private let files: VisitedFiles
    private let tag: String
    private let compiledSuffix: String
    /// The modules that are libraries, by directory and name.
    private var libraries: [EntryPath: [String: MergedTree.Node]] = [:]

    /// - Parameters:
    ///   - tag: the marks of the version, such as `cpython-311`.
    ///   - optimization: how often `-O` was given.
    ///   - files: the image's.
    init(tag: String, optimization: Int, in files: VisitedFiles) {
        self.files = files
        self.tag = tag
        compiledSuffix = ".\(tag)\(optimization > 0 ? ".opt-\(optimization)" : "").pyc"
    }

    /// The first place that has a module counts; directories without `__init__` only when there is none, but then all.
    func find(_ name: String, in places: [EntryPath]) -> Found? {
        guard !name.isEmpty, !name.contains("/"), !name.contains("\0") else { return nil }
        var portions: [EntryPath] = []
        for place in places {
            // Code may lie in archives as well, but those are rare, and one file each.
            guard let directory = files.findDirectory(place) else { continue }
            if let inner = files.findDirectory(directory.appending(name.utf8)) {
                if var package = module("__init__", in: inner) {
                    package.directories = [inner]
                    return package
                }
                portions.append(inner)
            }
            if let module = module(name, in: directory) { return module }
        }
        return portions.isEmpty ? nil : Found(directories: portions)
    }

    /// The files that are opened to load a module, in order.
    ///
    /// - Throws: when the image cannot be read.
    func opened(_ module: Found) async throws -> [MergedTree.Node] {
        guard let source = module.source else { return [module.library ?? module.compiled].compactMap { $0 } }
        guard let compiled = module.cache.flatMap({ files.findFile($0) }) else { return [source] }
        return try await isFresh(compiled, of: source) ? [compiled] : [compiled, source]
    }

    /// Whether the interpreter takes a compiled file without opening its source (PEP 552).
    ///
    ///     0 magic (4)   4 flags (4)   8 time of the source (4), or a hash (8)   12 size of the source (4)
    private func isFresh(_ compiled: MergedTree.Node, of source: MergedTree.Node) async throws -> Bool {
        guard let head = try await files.head(of: compiled, count: 16), head.count == 16 else { return false }
        func number(_ start: Int) -> UInt32 { head[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        // A hash is compared only when the second bit asks for it.
        if number(4) & 1 == 1 { return number(4) & 2 == 0 }
        let entry = files.tree.entry(of: source)
        return number(8) == UInt32(truncatingIfNeeded: entry.modified.seconds)
            && number(12) == UInt32(truncatingIfNeeded: entry.size)
    }

    private func module(_ name: String, in directory: EntryPath) -> Found? {
        func file(_ suffix: String) -> MergedTree.Node? { files.findFile(directory.appending((name + suffix).utf8)) }
        if let library = library(name, in: directory) ?? file(".abi3.so") ?? file(".so") {
            return Found(library: library)
        }
        if let source = file(".py") {
            return Found(source: source, cache: directory.appending("__pycache__/\(name)\(compiledSuffix)".utf8))
        }
        return file(".pyc").map { Found(compiled: $0) }
    }

    /// `name.cpython-311-x86_64-linux-gnu.so`, for whatever system the image is.
    private func library(_ name: String, in directory: EntryPath) -> MergedTree.Node? {
        if let known = libraries[directory] { return known[name] }
        var found: [String: MergedTree.Node] = [:]
        let mark = ".\(tag)-"
        for node in files.children(of: directory) where node.path.name.suffix(3).elementsEqual(".so".utf8) {
            let name = node.path.name.text
            guard let end = name.firstRange(of: mark)?.lowerBound, let file = files.findFile(node.path) else {
                continue
            }
            found[String(name[..<end])] = file
        }
        libraries[directory] = found
        return found[name]
    }
}
