import Archive

/// The files of an image as a workload meets them: what it opens goes into a profile, once, by first use.
///
/// What an image can make of this is bounded: how many files are noted, how often something is read, and how much.
/// Beyond that nothing more is noted or read, so that everything ends soon and the same way each time.
final class VisitedFiles {
    /// The most that is read of one file of text.
    static let textLimit: Int64 = 4 << 20
    /// The same of a file that is read line by line, and of a line in it: lists of directories and the like are short.
    private static let linesLimit: Int64 = 256 << 10
    private static let lineLimit = 4096

    let tree: MergedTree
    private let contents: any FileContents
    private(set) var profile = Profile()
    private var noted: Set<EntryPath> = []
    private var remainingLookups = 300_000
    private var remainingNotes = 50_000
    private var remainingReads = 100_000
    private var remainingBytes: Int64 = 512 << 20
    private var remainingText: Int64 = 96 << 20

    init(of image: ReadableImage) {
        tree = image.tree
        contents = image.contents
    }

    /// Whether so much was looked for that nothing more is found.
    var isExhausted: Bool { remainingLookups == 0 || Task.isCancelled }

    /// Counts work that an image makes as so many lookups.
    ///
    /// - Returns: whether there is more to be spent; never once the task is cancelled.
    @discardableResult
    func spend(_ count: Int) -> Bool {
        guard !isExhausted else { return false }
        remainingLookups = max(0, remainingLookups - max(0, count))
        return true
    }

    /// What lies in a directory, by the bytes of the names.
    func children(of directory: EntryPath) -> [MergedTree.Node] {
        guard !isExhausted else { return [] }
        let nodes = tree.children(of: directory)
        spend(nodes.count)
        return nodes
    }

    /// What a path leads to, links followed; nothing is noted.
    func find(_ path: some Collection<UInt8>, from directory: EntryPath = .root) -> MergedTree.Node? {
        // The kernel knows no longer paths.
        let count = path.count
        // Long paths and chains of links take more time than their length says.
        guard count > 0, count <= 4096, spend(1 + (count / 128) * (count / 128)) else { return nil }
        let found = tree.resolve(Array(path), from: directory)
        spend(found.links.count * found.links.count / 4)
        return found.node
    }

    func find(_ path: String, from directory: EntryPath = .root) -> MergedTree.Node? {
        find(path.utf8, from: directory)
    }

    /// A regular file that a path leads to; nothing is noted.
    func findFile(_ path: some Collection<UInt8>, from directory: EntryPath = .root) -> MergedTree.Node? {
        find(path, from: directory).flatMap { size(of: $0) == nil ? nil : $0 }
    }

    func findFile(_ path: String, from directory: EntryPath = .root) -> MergedTree.Node? {
        findFile(path.utf8, from: directory)
    }

    func findFile(_ path: EntryPath) -> MergedTree.Node? { findFile(path.bytes) }

    /// A directory that a path leads to.
    func findDirectory(_ path: some Collection<UInt8>, from directory: EntryPath = .root) -> EntryPath? {
        guard let node = find(path, from: directory), tree.kind(of: node) == .directory else { return nil }
        return node.path
    }

    func findDirectory(_ path: String, from directory: EntryPath = .root) -> EntryPath? {
        findDirectory(path.utf8, from: directory)
    }

    func findDirectory(_ path: EntryPath) -> EntryPath? { path.isRoot ? .root : findDirectory(path.bytes) }

    /// How long a regular file is; `nil` for everything else.
    func size(of node: MergedTree.Node) -> Int64? {
        if case .regular(let size) = tree.kind(of: node) { size } else { nil }
    }

    /// Notes that a regular file is opened.
    ///
    /// - Returns: whether it is the first time.
    @discardableResult
    func open(_ node: MergedTree.Node) -> Bool {
        guard size(of: node) != nil, remainingNotes > 0, noted.insert(node.path).inserted else { return false }
        remainingNotes -= 1
        profile.append(Profile.Entry(.path(node.path)))
        return true
    }

    /// Notes that the regular file is opened that a path leads to, if there is one.
    @discardableResult
    func open(_ path: String, from directory: EntryPath = .root) -> MergedTree.Node? {
        guard let node = findFile(path, from: directory) else { return nil }
        open(node)
        return node
    }

    @discardableResult
    func open(_ path: EntryPath) -> MergedTree.Node? {
        guard let node = findFile(path) else { return nil }
        open(node)
        return node
    }

    /// A part of a regular file; `nil` when it does not reach that far, or too much has been read already.
    ///
    /// - Throws: when the image cannot be read, or the task is cancelled.
    func bytes(of node: MergedTree.Node, in range: Range<Int64>) async throws -> [UInt8]? {
        try Task.checkCancellation()
        guard let file = node.file, let size = size(of: node), range.lowerBound >= 0, range.upperBound <= size,
            remainingReads > 0, Int64(range.count) <= remainingBytes
        else { return nil }
        guard !range.isEmpty else { return [] }
        remainingReads -= 1
        remainingBytes -= Int64(range.count)
        return try await contents.bytes(of: file, in: range)
    }

    /// The first bytes of a file, at most as many as said.
    func head(of node: MergedTree.Node, count: Int64) async throws -> [UInt8]? {
        try await bytes(of: node, in: 0..<min(count, size(of: node) ?? 0))
    }

    /// All of a file of text; `nil` when it is too long to be one.
    func text(of node: MergedTree.Node) async throws -> [UInt8]? {
        guard let size = size(of: node), size <= min(Self.textLimit, remainingText) else { return nil }
        // Reading it as a language takes much more time than reading it.
        remainingText -= size
        return try await bytes(of: node, in: 0..<size)
    }

    /// The lines of a file of text, without those that are too long; none when there is no such file.
    func lines(of node: MergedTree.Node?) async throws -> [Substring] {
        guard let node, let size = size(of: node), size <= Self.linesLimit, let text = try await text(of: node) else {
            return []
        }
        return text.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.filter { $0.count <= Self.lineLimit }
            .map { Substring($0.text) }
    }
}
