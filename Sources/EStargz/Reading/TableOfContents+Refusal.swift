import Archive
import Content

extension TableOfContents {
    /// Why the snapshotter and the Stargz Store do not mount a layer with this table, whatever is in it; `nil` when they
    /// do (`estargz.go`, `initFields`; `metadata/memory`).
    package var refusal: String? {
        if let unreadable { return unreadable }
        if entries.isEmpty { return "the table of contents has no entries" }
        return links().map { "the hard link '\(entries[$0].name.prefix(200).printable)' leads to no file" }
    }

    /// The first hard link that leads to nothing, or in a circle. It may come before its target, as readers look for
    /// that in the whole table.
    private func links() -> Int? {
        guard entries.contains(where: { if case .hardlink = $0.kind { true } else { false } }) else { return nil }
        // Of entries with one path readers take the last.
        let positions = Dictionary(entries.enumerated().map { ($1.path, $0) }) { $1 }
        var leadsSomewhere = [Bool](repeating: false, count: entries.count)
        for start in entries.indices {
            var way: Set<Int> = []
            var position = start
            while case .hardlink(let target) = entries[position].kind, !leadsSomewhere[position] {
                guard way.insert(position).inserted, let next = positions[EntryPath(target)] else { return start }
                position = next
            }
            for link in way { leadsSomewhere[link] = true }
        }
        return nil
    }
}
