import Archive

/// The entries of a layer, those that are wanted first moved to the front.
///
/// Before each of them come the directories that it is in, the outermost first, and before a hard link its target, so
/// that the front can be read without the rest. Directories that have no entry need none. Whiteouts stay in front of what
/// the layer itself puts in the place of what they take away, since who unpacks it one by one would take that away.
struct PrioritisedOrder {
    private let entries: [TarEntry]
    private let positions: [EntryPath: Int]
    private let hasWhiteouts: Bool
    private var isMoved: [Bool]
    /// Directories whose entries, and those of all above them, have been moved.
    private var entered: Set<EntryPath> = []
    /// In the order in which they are wanted.
    private(set) var first: [TarEntry] = []

    /// The others, in the order in which they were given.
    var rest: [TarEntry] { zip(entries, isMoved).filter { !$1 }.map(\.0) }

    /// - Parameters:
    ///   - entries: each path once, hard links behind their targets.
    ///   - priorities: what is wanted first; paths that are not there do not matter.
    init(_ entries: [TarEntry], priorities: [EntryPath]) {
        self.entries = entries
        positions = Dictionary(entries.enumerated().map { ($1.path, $0) }) { first, _ in first }
        hasWhiteouts = entries.contains { Whiteout($0.path) != nil }
        isMoved = Array(repeating: false, count: entries.count)
        for path in priorities { move(path) }
    }

    private mutating func move(_ path: EntryPath) {
        // A link may lead to another one, but never back: its target stands before it.
        var chain: [Int] = []
        var next = positions[path]
        while let position = next, !isMoved[position], position < chain.last ?? .max {
            chain.append(position)
            guard case .hardlink(let target) = entries[position].kind else { break }
            next = positions[EntryPath(target)]
        }
        for position in chain.reversed() {
            moveWhiteouts(before: position)
            enterDirectories(above: entries[position].path)
            moveEntry(at: position)
        }
    }

    private mutating func moveWhiteouts(before position: Int) {
        guard hasWhiteouts else { return }
        var paths: [EntryPath] = []
        var path = entries[position].path
        while true {
            paths += Whiteout.paths(takingAway: path)
            if path.isRoot { break }
            path = path.directory
        }
        for path in paths.reversed() {
            guard let whiteout = positions[path], whiteout < position else { continue }
            enterDirectories(above: path)
            moveEntry(at: whiteout)
        }
    }

    private mutating func enterDirectories(above path: EntryPath) {
        var above: [EntryPath] = []
        var path = path
        while !path.isRoot, case let directory = path.directory, entered.insert(directory).inserted {
            above.append(directory)
            path = directory
        }
        for directory in above.reversed() { if let position = positions[directory] { moveEntry(at: position) } }
    }

    private mutating func moveEntry(at position: Int) {
        guard !isMoved[position] else { return }
        isMoved[position] = true
        first.append(entries[position])
    }
}
