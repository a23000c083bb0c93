import Archive
import Content

/// Finds and loads modules as Node does (Node documentation, "Modules: CommonJS modules" and "Modules: Packages").
final class NodeModules {
    private let files: VisitedFiles
    private let loader: LibraryLoader
    /// `NODE_PATH` and what else is looked through last.
    private let places: [EntryPath]
    private var loaded: Set<EntryPath> = []
    private var packages: [EntryPath: JSON?] = [:]
    /// What packages say in `exports`, and in `imports`.
    private var exports: [EntryPath: PackageTargets] = [:]
    private var imports: [EntryPath: PackageTargets] = [:]
    private var depth = 0

    private static let depthLimit = 500

    init(places: [EntryPath], loader: LibraryLoader, in files: VisitedFiles) {
        self.places = places
        self.loader = loader
        self.files = files
    }

    /// Runs the top level of the program, named as on the command line.
    ///
    /// - Throws: when the image cannot be read.
    func runProgram(_ path: EntryPath) async throws {
        guard let node = try await fileOrMain(of: path) else { return }
        try await load(node)
    }

    /// Loads a module that a file of the program asks for.
    ///
    /// - Parameters:
    ///   - name: as it stands there.
    ///   - directory: of the file that asks.
    ///   - isImport: whether it asks with `import`, not with `require`.
    /// - Throws: when the image cannot be read.
    func load(_ name: String, from directory: EntryPath, isImport: Bool = false) async throws {
        guard let node = try await find(name, from: directory, isImport: isImport) else { return }
        try await load(node)
    }

    private func load(_ node: MergedTree.Node) async throws {
        guard depth < Self.depthLimit, loaded.insert(node.path).inserted else { return }
        depth += 1
        defer { depth -= 1 }
        let name = node.path.name.text
        if name.hasSuffix(".node") {
            files.open(node)
            return try await loader.open(node)
        }
        // The package that a file is in says what kind of module it is.
        if name.hasSuffix(".js") || name.hasSuffix(".ts") { _ = try await scope(of: node.path.directory) }
        files.open(node)
        guard !name.hasSuffix(".json"), !name.hasSuffix(".wasm"), let text = try await files.text(of: node) else {
            return
        }
        let source = JavaScriptSource(text)
        for wanted in source.imported { try await load(wanted, from: node.path.directory, isImport: true) }
        for wanted in source.required { try await load(wanted, from: node.path.directory) }
    }

    private func find(_ name: String, from directory: EntryPath, isImport: Bool) async throws -> MergedTree.Node? {
        try Task.checkCancellation()
        guard !name.isEmpty, !name.hasPrefix("node:"), !files.isExhausted else { return nil }
        if name.hasPrefix("/") { return try await fileOrMain(of: EntryPath(name)) }
        if name.hasPrefix("./") || name.hasPrefix("../") || name == "." || name == ".." {
            let path = EntryPath(cleaning: directory.bytes + [UInt8(ascii: "/")] + name.utf8)
            return try await fileOrMain(of: path)
        }
        if name.hasPrefix("#") {
            guard let (package, json) = try await scope(of: directory) else { return nil }
            guard let value = json["imports"] else { return nil }
            let targets = imports[package] ?? PackageTargets(value)
            imports[package] = targets
            return targets.target(of: name, isImport: isImport, in: files).flatMap { inside(package, $0) }
        }
        return try await findPackage(name, from: directory, isImport: isImport)
    }

    /// Looks through `node_modules` here and in all directories above.
    private func findPackage(
        _ name: String, from directory: EntryPath, isImport: Bool
    ) async throws -> MergedTree.Node? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let count = name.hasPrefix("@") ? 2 : 1
        guard parts.count >= count else { return nil }
        let package = parts.prefix(count).joined(separator: "/")
        let rest = parts.dropFirst(count).joined(separator: "/")
        var above = directory
        var candidates: [EntryPath] = []
        while true {
            if !above.name.elementsEqual("node_modules".utf8) {
                candidates.append(above.appending("node_modules".utf8))
            }
            guard !above.isRoot else { break }
            above = above.directory
        }
        for place in candidates + places {
            guard files.findDirectory(place) != nil else { continue }
            let root = EntryPath(cleaning: place.bytes + [UInt8(ascii: "/")] + package.utf8)
            if let directory = files.findDirectory(root) {
                if let json = try await self.package(in: directory), let value = json["exports"] {
                    let targets = exports[directory] ?? PackageTargets(value)
                    exports[directory] = targets
                    return targets.target(of: rest.isEmpty ? "." : "./\(rest)", isImport: isImport, in: files)
                        .flatMap { inside(directory, $0) }
                }
                let path = EntryPath(cleaning: directory.bytes + [UInt8(ascii: "/")] + rest.utf8)
                if let node = rest.isEmpty ? try await main(of: directory) : try await fileOrMain(of: path) {
                    return node
                }
            }
            if rest.isEmpty, let node = file(root) { return node }
        }
        return nil
    }

    private func fileOrMain(of path: EntryPath) async throws -> MergedTree.Node? {
        if let node = file(path) { return node }
        return try await main(of: path)
    }

    /// A file, perhaps without the end of its name.
    private func file(_ path: EntryPath) -> MergedTree.Node? {
        guard !path.isRoot else { return nil }
        for suffix in ["", ".js", ".json", ".node"] {
            if let node = files.findFile(path.directory.appending(Array(path.name) + Array(suffix.utf8))) {
                return node
            }
        }
        return nil
    }

    /// The main file of a directory.
    private func main(of path: EntryPath) async throws -> MergedTree.Node? {
        guard let directory = files.findDirectory(path) else { return nil }
        if let main = try await package(in: directory)?["main"]?.string {
            let path = EntryPath(cleaning: directory.bytes + [UInt8(ascii: "/")] + main.utf8)
            if let node = file(path) { return node }
            if let node = file(path.appending("index".utf8)) { return node }
        }
        return file(directory.appending("index".utf8))
    }

    /// A file that a package names as its own.
    private func inside(_ package: EntryPath, _ target: String) -> MergedTree.Node? {
        guard target.hasPrefix("./") else { return nil }
        return files.findFile(EntryPath(cleaning: package.bytes + [UInt8(ascii: "/")] + target.utf8))
    }

    /// The package that a directory lies in.
    private func scope(of directory: EntryPath) async throws -> (EntryPath, JSON)? {
        var directory = directory
        while !directory.name.elementsEqual("node_modules".utf8) {
            if let json = try await package(in: directory) { return (directory, json) }
            guard !directory.isRoot else { break }
            directory = directory.directory
        }
        return nil
    }

    private func package(in directory: EntryPath) async throws -> JSON? {
        if let known = packages[directory] { return known }
        var json: JSON?
        if let node = files.open(directory.appending("package.json".utf8)), let text = try await files.text(of: node) {
            // Node stops at such a file; here it counts as one that says nothing.
            json = try? JSON(parsing: text)
        }
        packages[directory] = .some(json)
        return json
    }
}
