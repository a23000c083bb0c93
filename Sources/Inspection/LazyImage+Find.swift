import Archive
import EStargz
import Synchronization

extension LazyImage {
    /// Finds what a path stands for, from the top layer down, and opens no layer below the one that decides it.
    ///
    /// - Parameters:
    ///   - path: as a process in the container would name it.
    ///   - followsLast: whether a symbolic link at its end is followed.
    /// - Returns: what is there, if anything, and the tree of the layers that were opened.
    /// - Throws: when a layer cannot be read.
    package func find(
        _ path: String, followsLast: Bool = true
    ) async throws -> (node: MergedTree.Node?, tree: MergedTree) {
        // Whoever asks for one path may ask for many.
        var seen = explored.withLock(\.self) ?? Explored(layerCount)
        var resolution = seen.tree.resolve(Array(path.utf8), followsLast: followsLast)
        var wanted = seen.lowest == layerCount ? Wanted.anything : Wanted(by: resolution, in: seen.tree)
        for number in (0..<seen.lowest).reversed() {
            guard let wish = wanted else { break }
            seen.entries[number] = try await layer(number).entries
            // Trees of many layers are large, and most layers have nothing to do with the path.
            guard number == 0 || wish.isAmong(seen.entries[number]) else { continue }
            seen.tree = MergedTree(seen.entries, hiding: SpecialEntry.paths)
            seen.lowest = number
            resolution = seen.tree.resolve(Array(path.utf8), followsLast: followsLast)
            wanted = Wanted(by: resolution, in: seen.tree)
        }
        explored.withLock { [seen] in if $0.map({ $0.lowest > seen.lowest }) ?? true { $0 = seen } }
        return (resolution.node, seen.tree)
    }

    /// The upper layers, as far down as they had to be opened.
    struct Explored {
        /// Of each layer; empty for those further below.
        var entries: [[TarEntry]]
        var tree: MergedTree
        /// The lowest layer that is in the tree.
        var lowest: Int

        init(_ layerCount: Int) {
            entries = [[TarEntry]](repeating: [], count: layerCount)
            tree = MergedTree(entries)
            lowest = layerCount
        }
    }
}

/// What a layer further below must have so that it can decide what a path stands for.
private enum Wanted {
    case anything
    /// All layers count together.
    case nothing
    /// The attributes of a directory.
    case directory(EntryPath)
    /// Something at this path or below, or what takes it away.
    case path(EntryPath)

    /// - Returns: `nil` when no layer further below can change what the path stands for.
    init?(by resolution: MergedTree.Resolution, in tree: MergedTree) {
        // A link whose target is not there may get one from below.
        guard tree.danglingLinks.isEmpty else {
            self = .nothing
            return
        }
        if let node = resolution.node {
            guard node.name == nil, !tree.hides(node.path) else { return nil }
            self = .directory(node.path)
        } else {
            // Without a missing path, links lead in a circle.
            guard let missing = resolution.missing, !tree.hides(missing) else { return nil }
            self = .path(missing)
        }
    }

    func isAmong(_ entries: [TarEntry]) -> Bool {
        switch self {
        case .anything: true
        case .nothing: false
        case .directory(let path): entries.contains { $0.path == path && $0.kind == .directory }
        case .path(let path):
            entries.contains { entry in
                switch Whiteout(entry.path) {
                case .opaque(let directory): path.isBelow(directory)
                case .file(let removed): path == removed || path.isBelow(removed)
                case .other, nil:
                    (entry.path == path || entry.path.isBelow(path)) && !SpecialEntry.paths.contains(entry.path)
                }
            }
        }
    }
}
