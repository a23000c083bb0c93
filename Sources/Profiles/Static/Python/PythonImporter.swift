import Archive

/// Imports modules the way an interpreter does when it runs their top level, and notes the files that it opens.
final class PythonImporter {
    /// What a name stands for once it was asked for.
    private enum Module {
        /// The directories are those of a package, where its own modules lie.
        case loaded(directories: [EntryPath]?)
        case missing
    }

    /// Where code runs.
    private struct Scope {
        /// Where relative imports begin; empty outside packages.
        let package: [String]
        let condition: PythonCondition
    }

    private let files: VisitedFiles
    private let loader: LibraryLoader
    private let finder: PythonModuleFinder
    private let installation: PythonInstallation
    private let builtin: Set<String>
    private var path: [EntryPath]
    // A name of `os`, which is no package.
    private var modules: [String: Module] = ["os.path": .loaded(directories: nil)]
    private var depth = 0

    /// How many modules may import one another; Python gives up at about as many.
    private static let depthLimit = 200
    /// Of places in `sys.path`.
    private static let placesLimit = 1024

    /// - Parameters:
    ///   - installation: where its own modules lie.
    ///   - path: the part of `sys.path` that comes before those.
    ///   - optimization: how often `-O` was given.
    ///   - builtin: modules that the interpreter has in itself.
    ///   - loader: loads libraries into the process.
    ///   - files: the image's.
    init(
        _ installation: PythonInstallation, path: [EntryPath], optimization: Int, builtin: Set<String>,
        loader: LibraryLoader, in files: VisitedFiles
    ) {
        self.installation = installation
        self.builtin = builtin
        self.loader = loader
        self.files = files
        finder = PythonModuleFinder(tag: installation.tag, optimization: optimization, in: files)
        let own = installation.standardLibrary
        self.path = path.prefix(Self.placesLimit) + [own, own.appending("lib-dynload".utf8)]
    }

    /// Adds a directory to the end of `sys.path`.
    func append(_ directory: EntryPath) {
        if path.count < Self.placesLimit, !path.contains(directory) { path.append(directory) }
    }

    /// Imports a module and the packages that it is in.
    ///
    /// - Parameter name: `a.b` is two.
    /// - Returns: whether it is there.
    /// - Throws: when the image cannot be read.
    @discardableResult
    func load(_ name: [String]) async throws -> Bool {
        guard name.count <= Self.depthLimit, !files.isExhausted else { return false }
        var places: [EntryPath]? = path
        for (number, part) in name.enumerated() {
            let qualified = name[...number].joined(separator: ".")
            switch modules[qualified] {
            case .missing: return false
            case .loaded(let directories): places = directories
            case nil:
                let found = places.flatMap { finder.find(part, in: $0) }
                guard found != nil || number == 0 && builtin.contains(part) else {
                    modules[qualified] = .missing
                    return false
                }
                places = found?.directories
                // Set before the module runs: imports that lead in a circle end here.
                modules[qualified] = .loaded(directories: places)
                if let found { try await open(found, as: Array(name[...number])) }
            }
        }
        return true
    }

    /// Runs code as the program.
    ///
    /// - Parameters:
    ///   - source: the code.
    ///   - package: where its relative imports begin; empty outside packages.
    /// - Throws: when the image cannot be read.
    func runProgram(_ source: [UInt8], in package: [String] = []) async throws {
        try await run(source, in: package, isMain: true)
    }

    /// Runs a module as the program (`-m`); of a package, its `__main__`.
    ///
    /// - Throws: when the image cannot be read.
    func runProgram(module name: [String]) async throws {
        var package = Array(name.dropLast())
        guard let last = name.last, try await load(package),
            var found = finder.find(last, in: directories(of: package))
        else { return }
        if found.directories != nil {
            try await load(name)
            package = name
            guard let main = finder.find("__main__", in: directories(of: name)) else { return }
            found = main
        }
        for node in try await finder.opened(found) { files.open(node) }
        if let source = found.source, let text = try await files.text(of: source) {
            try await runProgram(text, in: package)
        }
    }

    private func directories(of package: [String]) -> [EntryPath] {
        guard !package.isEmpty else { return path }
        if case .loaded(let directories) = modules[package.joined(separator: ".")] { return directories ?? [] }
        return []
    }

    private func open(_ module: PythonModuleFinder.Found, as name: [String]) async throws {
        if !installation.isFrozen(name.joined(separator: ".")) {
            for node in try await finder.opened(module) where node != module.library { files.open(node) }
        }
        if let library = module.library {
            try await loader.open(library)
            // A library for another machine is opened all the same.
            files.open(library)
        } else if let source = module.source, let text = try await files.text(of: source) {
            try await run(text, in: module.directories == nil ? name.dropLast() : name, isMain: false)
        }
    }

    private func run(_ source: [UInt8], in package: [String], isMain: Bool) async throws {
        guard depth < Self.depthLimit else { return }
        depth += 1
        defer { depth -= 1 }
        let condition = PythonCondition(version: installation.version, isMain: isMain)
        _ = try await run(
            PythonSource(source).statements, in: Scope(package: package, condition: condition), stopsAtMissing: false)
    }

    /// Runs statements in order.
    ///
    /// - Parameters:
    ///   - statements: of one block.
    ///   - scope: where they stand.
    ///   - stopsAtMissing: whether something catches the failure of an import. Where nothing does, it is this program
    ///     that did not find the module, since the image is supposed to work.
    /// - Returns: whether all that was imported is there.
    /// - Throws: when the image cannot be read.
    private func run(
        _ statements: [PythonSource.Statement], in scope: Scope, stopsAtMissing: Bool
    ) async throws -> Bool {
        var isComplete = true
        for statement in statements {
            try Task.checkCancellation()
            let isFound: Bool
            switch statement {
            case .importing(let wanted): isFound = try await load(wanted, in: scope)
            case .body(let body): isFound = try await run(body, in: scope, stopsAtMissing: stopsAtMissing)
            case .choice(let branches): isFound = try await run(branches, in: scope, stopsAtMissing: stopsAtMissing)
            case .attempt(let body, let handlers, let otherwise):
                if try await run(body, in: scope, stopsAtMissing: true) {
                    isFound = try await run(otherwise, in: scope, stopsAtMissing: stopsAtMissing)
                } else if let handler = handlers.first(where: { Self.catchesMissing($0.header) }) {
                    isFound = try await run(handler.body, in: scope, stopsAtMissing: stopsAtMissing)
                } else {
                    isFound = false
                }
            }
            isComplete = isComplete && isFound
            if !isFound, stopsAtMissing { break }
        }
        return isComplete
    }

    /// Runs the branches of an `if` that may be taken.
    private func run(
        _ branches: [PythonSource.Branch], in scope: Scope, stopsAtMissing: Bool
    ) async throws -> Bool {
        for branch in branches {
            let value = branch.header.isEmpty ? true : scope.condition.value(of: branch.header)
            guard value != false else { continue }
            let isFound = try await run(branch.body, in: scope, stopsAtMissing: stopsAtMissing)
            if !isFound, stopsAtMissing { return false }
            if value == true { return isFound }
        }
        return true
    }

    private static func catchesMissing(_ header: String) -> Bool {
        let isBare = header.allSatisfy(\.isWhitespace)
        return isBare || ["ImportError", "ModuleNotFoundError", "Exception"].contains { header.contains($0) }
    }

    private func load(_ wanted: PythonSource.Import, in scope: Scope) async throws -> Bool {
        var name = wanted.module
        if wanted.level > 0 {
            guard wanted.level <= scope.package.count else { return false }
            name = scope.package.dropLast(wanted.level - 1) + name
        }
        guard try await load(name) else { return false }
        // What is taken from a package may be a module of it that is not there as a name yet.
        for inner in wanted.names ?? [] where inner != "*" { _ = try await load(name + [inner]) }
        return true
    }
}
