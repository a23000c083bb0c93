import Archive

/// Whether a layer can be written in the order of its tar: each path occurs once, nothing lies below a file, and hard
/// links follow their targets.
struct SourceOrder {
    /// The paths that have come by, and which of them are directories.
    private var isDirectory: [EntryPath: Bool] = [:]
    /// Directories that have something in them, whether or not they have an entry.
    private var parents: Set<EntryPath> = []
    private var budget = DirectoryBudget()

    /// Whether the next entry only adds to what is there: nothing gives way to it, and it needs nothing that is to come.
    ///
    /// - Throws: `TarFailure` when the layer has more directories than there is room for.
    mutating func keeps(_ entry: TarEntry) throws -> Bool {
        guard isDirectory.updateValue(entry.kind == .directory, forKey: entry.path) == nil,
            entry.kind == .directory || !parents.contains(entry.path)
        else { return false }
        if case .hardlink(let target) = entry.kind {
            let path = EntryPath(target)
            guard path != entry.path, isDirectory[path] == false else { return false }
        }
        var path = entry.path
        while let parent = path.parent, parents.insert(parent).inserted {
            guard isDirectory[parent] != false else { return false }
            guard budget.take(parent) else { throw TarFailure.tooManyDirectories(entry.name) }
            path = parent
        }
        return true
    }
}

extension InflatedLayer {
    /// The entries in an order that a table of contents can tell, that of the tar where it is one.
    ///
    /// - Throws: `LayerObstacle` when there is no such order.
    func orderedEntries() throws -> [TarEntry] {
        let own = entries.filter { !SpecialEntry.paths.contains($0.path) }
        var order = SourceOrder()
        return try own.allSatisfy { try order.keeps($0) } ? own : try settle(own)
    }
}
