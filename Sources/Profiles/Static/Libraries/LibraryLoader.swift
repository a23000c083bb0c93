import Archive

/// Finds the libraries that a program loads the way its loader would (ld.so(8)), and notes them in that order.
///
/// One for each process: what is loaded stays loaded.
final class LibraryLoader {
    /// A program or library that is in the process.
    private struct Object {
        let node: MergedTree.Node
        /// As it was found, the directory's links followed: `$ORIGIN` is where this lies.
        let directory: EntryPath
        let file: ELFFile
        /// What asked for it, by its place in `objects`.
        let parent: Int?
    }

    let program: ELFFile
    private let files: VisitedFiles
    private let directories: LibraryDirectories?
    private let libraryPath: [[UInt8]]
    private var objects: [Object] = []
    private var loadedNames: Set<[UInt8]> = []
    private var loadedFiles: Set<EntryPath> = []
    /// What `DT_RPATH` or `DT_RUNPATH` of an object says, by its place in `objects`.
    private var ownPaths: [Int: [[UInt8]]] = [:]
    /// Where the object that asked last has its libraries looked for.
    private var lastPaths: (number: Int, paths: [[UInt8]])?

    /// More libraries than any program has.
    private static let limit = 2048
    /// More places to look for one than any program names, and more libraries that ask for each other.
    private static let pathLimit = 256
    private static let chainLimit = 64
    /// Of a path, and of all that one object names, in bytes.
    private static let pathLength = 4096
    private static let pathsBytesLimit = 64 << 10
    /// The variants for newer processors that are worth a guess, best first: what most machines in service can run.
    private static let variants: [UInt16: [String]] = [
        62: ["x86-64-v3", "x86-64-v2"], 21: ["power9"], 22: ["z14", "z13"],
    ]

    /// Notes the loader that a program names and all that it loads before the program begins.
    ///
    /// - Parameters:
    ///   - program: the file.
    ///   - file: what its headers say.
    ///   - libraryPath: `LD_LIBRARY_PATH`.
    ///   - files: the image's.
    /// - Throws: when the image cannot be read.
    init(
        _ program: MergedTree.Node, _ file: ELFFile, libraryPath: String?, in files: VisitedFiles
    ) async throws {
        self.program = file
        self.files = files
        self.libraryPath =
            libraryPath.map {
                $0.utf8.split(maxSplits: Self.pathLimit) { $0 == 58 || $0 == 59 }.prefix(Self.pathLimit).map(Array.init)
            } ?? []
        guard let name = file.interpreter, let interpreter = files.findFile(name) else {
            directories = nil
            return
        }
        files.open(interpreter)
        loadedFiles.insert(interpreter.path)
        loadedNames.insert(Array(name.split(separator: UInt8(ascii: "/")).last ?? []))
        directories = try await LibraryDirectories(
            interpreter: interpreter, architecture: file.architecture, in: files)
        objects.append(Object(node: program, directory: program.path.directory, file: file, parent: nil))
        try await loadNeeded(from: 0)
    }

    /// Notes a library that the running program loads, and those that it needs.
    ///
    /// - Throws: when the image cannot be read.
    func open(_ library: MergedTree.Node) async throws {
        guard directories != nil, !loadedFiles.contains(library.path),
            let file = try await ELFFile(library, in: files), file.architecture == program.architecture
        else { return }
        let first = objects.count
        load(library, file, from: library.path.directory, parent: 0)
        try await loadNeeded(from: first)
    }

    /// The same, by the name of the library alone; nothing when it is not there.
    ///
    /// - Throws: when the image cannot be read.
    func open(named name: String) async throws {
        let first = objects.count
        try await loadLibrary(named: Array(name.utf8), for: 0)
        try await loadNeeded(from: first)
    }

    /// The first library that was loaded whose file's name begins so.
    func loaded(_ prefix: String) -> (node: MergedTree.Node, file: ELFFile)? {
        objects.dropFirst().first { $0.node.path.name.starts(with: prefix.utf8) }.map { ($0.node, $0.file) }
    }

    /// Breadth first, as loaders do.
    private func loadNeeded(from first: Int) async throws {
        var number = first
        while number < objects.count, objects.count < Self.limit {
            for name in objects[number].file.needed where !files.isExhausted {
                try await loadLibrary(named: name, for: number)
            }
            number += 1
        }
    }

    private func load(_ node: MergedTree.Node, _ file: ELFFile, from directory: EntryPath, parent: Int) {
        files.open(node)
        loadedFiles.insert(node.path)
        objects.append(Object(node: node, directory: directory, file: file, parent: parent))
    }

    private func loadLibrary(named name: [UInt8], for parent: Int) async throws {
        guard let directories, parent < objects.count, !files.isExhausted, loadedNames.insert(name).inserted,
            !directories.isMusl || !Self.isPartOfMusl(name)
        else { return }
        if name.contains(UInt8(ascii: "/")) {
            try await loadFirst([expand(name[...], for: parent)].compactMap { $0 }, for: parent)
            return
        }
        let before = runPaths(for: parent)
        if try await loadFirst(candidates(name, in: before), for: parent) { return }
        for path in directories.cache?.paths[name].map(ordered) ?? [] {
            if try await loadFirst([path], for: parent) { return }
        }
        try await loadFirst(candidates(name, in: directories.paths), for: parent)
    }

    /// Loads the first that is a library for this program.
    @discardableResult
    private func loadFirst(_ candidates: [[UInt8]], for parent: Int) async throws -> Bool {
        for path in candidates {
            guard let node = files.findFile(path, from: .root) else { continue }
            if loadedFiles.contains(node.path) { return true }
            guard let file = try await ELFFile(node, in: files), file.architecture == program.architecture else {
                continue
            }
            let named = EntryPath(cleaning: path).directory
            load(node, file, from: files.findDirectory(named) ?? node.path.directory, parent: parent)
            return true
        }
        return false
    }

    /// `DT_RPATH` of those that asked, `LD_LIBRARY_PATH`, `DT_RUNPATH`; musl takes the variable first, and inherits both.
    private func runPaths(for number: Int) -> [[UInt8]] {
        if let lastPaths, lastPaths.number == number { return lastPaths.paths }
        let paths = Array(allRunPaths(for: number).prefix(Self.pathLimit))
        lastPaths = (number, paths)
        return paths
    }

    private func allRunPaths(for number: Int) -> [[UInt8]] {
        func split(_ paths: [UInt8]?, of number: Int) -> [[UInt8]] {
            if let known = ownPaths[number] { return known }
            var remaining = Self.pathsBytesLimit
            let expanded = (paths ?? []).split(separator: UInt8(ascii: ":")).prefix(Self.pathLimit).compactMap {
                expand($0, for: number)
            }
            let own = expanded.prefix {
                remaining -= $0.count
                return remaining >= 0
            }
            ownPaths[number] = Array(own)
            return Array(own)
        }
        var inherited: [[UInt8]] = []
        var asking: Int? = objects[number].file.runPath == nil || directories?.isMusl == true ? number : nil
        var count = 0
        while let current = asking, count < Self.chainLimit, inherited.count < Self.pathLimit {
            count += 1
            let file = objects[current].file
            if directories?.isMusl == true {
                inherited += split(file.runPath ?? file.rpath, of: current)
            } else if file.runPath == nil {
                inherited += split(file.rpath, of: current)
            }
            asking = objects[current].parent
        }
        if directories?.isMusl == true { return libraryPath + inherited }
        return inherited + libraryPath + split(objects[number].file.runPath, of: number)
    }

    /// The places of a library in some directories, with the variants for newer processors first.
    private func candidates(_ name: [UInt8], in directories: [[UInt8]]) -> [[UInt8]] {
        let slash = [UInt8(ascii: "/")]
        let variants = self.directories?.isMusl == true ? [] : Self.variants[program.architecture.machine] ?? []
        return directories.prefix(Self.pathLimit).flatMap { directory -> [[UInt8]] in
            let hasVariants = !variants.isEmpty && files.findDirectory(directory + Array("/glibc-hwcaps".utf8)) != nil
            return (hasVariants ? variants.map { directory + Array("/glibc-hwcaps/\($0)/".utf8) + name } : [])
                + [directory + slash + name]
        }
    }

    /// What the cache says of a name, the best variant that most machines can run first, others left out.
    private func ordered(_ paths: [[UInt8]]) -> [[UInt8]] {
        let variants = Self.variants[program.architecture.machine] ?? []
        func isVariant(_ path: [UInt8]) -> Bool { String(decoding: path, as: UTF8.self).contains("/glibc-hwcaps/") }
        return variants.flatMap { variant in
            paths.filter { String(decoding: $0, as: UTF8.self).contains("/glibc-hwcaps/\(variant)/") }
        } + paths.filter { !isVariant($0) }
    }

    /// Replaces `$ORIGIN` and `$LIB`, with or without braces; `nil` when that makes no path that can be.
    private func expand(_ path: ArraySlice<UInt8>, for number: Int) -> [UInt8]? {
        let origin = Array("/".utf8) + objects[number].directory.bytes
        let library = Array((program.architecture.is64Bit ? "lib64" : "lib").utf8)
        let values = ["${ORIGIN}": origin, "$ORIGIN": origin, "${LIB}": library, "$LIB": library]
        var expanded: [UInt8] = []
        var rest = path
        while let byte = rest.first, expanded.count <= Self.pathLength {
            // No name begins with another one, so that their order does not matter.
            if byte == UInt8(ascii: "$"), let (name, value) = values.first(where: { rest.starts(with: $0.key.utf8) }) {
                expanded += value
                rest.removeFirst(name.utf8.count)
            } else {
                expanded.append(byte)
                rest.removeFirst()
            }
        }
        return expanded.count <= Self.pathLength ? expanded : nil
    }

    /// Names that musl takes for itself (musl, ldso/dynlink.c).
    private static func isPartOfMusl(_ name: [UInt8]) -> Bool {
        ["libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."].contains {
            name.starts(with: $0.utf8)
        }
    }
}
