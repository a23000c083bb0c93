import Archive

/// Loads files of a language whose programs name what they require by a path below one of several directories.
final class RequiredScripts {
    /// What a script asks for.
    struct Request: Hashable {
        /// A path without the end of the name, if the language lets that be left out.
        let name: String
        /// Whether it is looked for beside the script that asks.
        let isBeside: Bool
    }

    /// What a language is like in this.
    struct Language {
        /// What may stand behind a name, in the order in which it is tried.
        let suffixes: [String]
        /// What a script asks for at its top level.
        let requests: (String) -> [Request]
        /// The library that belongs to a script, seen from the same directory.
        let library: (String) -> String?
    }

    private let language: Language
    private let files: VisitedFiles
    private let loader: LibraryLoader
    private var places: [EntryPath]
    private var loaded: Set<EntryPath> = []
    private var depth = 0

    private static let depthLimit = 300
    private static let placesLimit = 1024

    init(_ language: Language, places: [EntryPath], loader: LibraryLoader, in files: VisitedFiles) {
        self.language = language
        self.loader = loader
        self.files = files
        self.places = places.compactMap { files.findDirectory($0) }
    }

    /// Looks through these directories first from now on.
    func prepend(_ directories: [EntryPath]) {
        places = Array((directories + places).prefix(Self.placesLimit))
    }

    /// Loads the first file that a name leads to, and what it requires.
    ///
    /// - Returns: the directory that has it; `nil` when none has.
    /// - Throws: when the image cannot be read.
    @discardableResult
    func load(_ name: String) async throws -> EntryPath? {
        guard !name.isEmpty, name.utf8.count <= 4096, !files.isExhausted else { return nil }
        for place in places {
            for suffix in language.suffixes {
                guard let node = files.findFile(name + suffix, from: place) else { continue }
                try await run(node)
                if let path = language.library(name), let library = files.findFile(path, from: place) {
                    try await loader.open(library)
                }
                return place
            }
        }
        return nil
    }

    /// Loads a file, and what it requires.
    ///
    /// - Throws: when the image cannot be read.
    func run(_ node: MergedTree.Node) async throws {
        guard depth < Self.depthLimit, loaded.insert(node.path).inserted else { return }
        depth += 1
        defer { depth -= 1 }
        guard !node.path.name.suffix(3).elementsEqual(".so".utf8) else { return try await loader.open(node) }
        files.open(node)
        guard let text = try await files.text(of: node) else { return }
        try await run(String(decoding: text, as: UTF8.self), in: node.path.directory)
    }

    /// Loads what code requires.
    ///
    /// - Parameters:
    ///   - text: the code.
    ///   - directory: where it lies.
    /// - Throws: when the image cannot be read.
    func run(_ text: String, in directory: EntryPath) async throws {
        for request in language.requests(text) {
            try Task.checkCancellation()
            guard request.isBeside else {
                try await load(request.name)
                continue
            }
            let found = language.suffixes.lazy.compactMap { self.files.findFile(request.name + $0, from: directory) }
                .first
            if let found { try await run(found) }
        }
    }
}
