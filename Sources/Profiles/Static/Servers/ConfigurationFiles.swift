import Archive

/// Reads configuration files of servers, in whatever language, for the files that they name.
///
/// What most languages have in common is enough: `#` begins a comment, words stand between spaces, signs and quotes, a
/// word `include` comes before a path or pattern, and a path that is absolute and leads to a file means that file.
final class ConfigurationFiles {
    private let files: VisitedFiles
    /// Where relative paths begin, besides the directory of the file itself.
    private let prefixes: [EntryPath]
    private var seen: Set<EntryPath> = []
    /// The words of all statements that were read, in order.
    private(set) var statements: [[String]] = []

    private static let fileLimit = 1024
    private static let statementLimit = 100_000

    init(_ files: VisitedFiles, prefixes: [EntryPath] = []) {
        self.files = files
        self.prefixes = prefixes
    }

    /// Notes the files that the arguments of a program name, and what they name.
    ///
    /// - Throws: when the image cannot be read.
    func open(namedBy launch: Launch) async throws {
        for argument in launch.arguments.dropFirst() {
            let value = argument.hasPrefix("-") ? argument.drop { $0 != "=" }.dropFirst() : argument[...]
            guard !value.isEmpty, let node = files.findFile(String(value), from: launch.directory) else { continue }
            try await open(node)
        }
    }

    /// Notes a file, what it includes, and the files that it names.
    ///
    /// - Throws: when the image cannot be read.
    func open(_ node: MergedTree.Node) async throws {
        guard seen.count < Self.fileLimit, seen.insert(node.path).inserted else { return }
        files.open(node)
        guard let text = try await files.text(of: node), !text.prefix(4096).contains(0) else { return }
        try await read(String(decoding: text, as: UTF8.self), from: node.path.directory)
    }

    /// Reads text of such a language.
    ///
    /// - Parameters:
    ///   - text: a whole file, or what was given on the command line.
    ///   - directory: where relative paths begin.
    /// - Throws: when the image cannot be read.
    func read(_ text: String, from directory: EntryPath) async throws {
        for line in text.split(whereSeparator: { $0.isNewline || $0 == ";" || $0 == "{" || $0 == "}" }) {
            let words = line.prefix { $0 != "#" }.split { $0.isWhitespace || "=\"',".contains($0) }.map(String.init)
            guard !files.isExhausted, statements.count < Self.statementLimit else { break }
            guard let first = words.first else { continue }
            statements.append(words)
            let keyword = first.lowercased().drop { $0 == "!" || $0 == "@" }
            for word in words.dropFirst() where !files.isExhausted {
                if keyword.hasPrefix("include") {
                    for node in included(word, from: directory) { try await open(node) }
                } else if word.hasPrefix("/"), let node = files.findFile(word) {
                    files.open(node)
                }
            }
        }
    }

    /// What the last statement of a kind says.
    func value(of keyword: String) -> String? {
        statements.last { $0.first == keyword && $0.count > 1 }?[1]
    }

    private func included(_ word: String, from directory: EntryPath) -> [MergedTree.Node] {
        for place in [directory] + prefixes {
            let found = files.included(word, from: place)
            if !found.isEmpty { return found }
            if let inner = files.findDirectory(word, from: place) {
                return files.children(of: inner).compactMap { files.findFile($0.path) }
            }
        }
        return []
    }
}
