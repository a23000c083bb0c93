import Archive
import EStargz

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
        var entries = [[TarEntry]](repeating: [], count: layerCount)
        var tree = MergedTree(entries)
        var resolution = tree.resolve(Array(path.utf8), followsLast: followsLast)
        var wanted = Wanted.anything
        for number in (0..<layerCount).reversed() {
            entries[number] = try await layer(number).entries
            // Trees of many layers are large, and most layers have nothing to do with the path.
            guard number == 0 || wanted.isAmong(entries[number]) else { continue }
            tree = MergedTree(entries, hiding: SpecialEntry.paths)
            resolution = tree.resolve(Array(path.utf8), followsLast: followsLast)
            // A link whose target is not there may get one from below.
            guard tree.danglingLinks.isEmpty else {
                wanted = .nothing
                continue
            }
            if let node = resolution.node {
                if node.name != nil || tree.hides(node.path) { break }
                wanted = .directory(node.path)
            } else if let missing = resolution.missing {
                if tree.hides(missing) { break }
                wanted = .path(missing)
            } else {
                // Links in a circle.
                break
            }
        }
        return (resolution.node, tree)
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
