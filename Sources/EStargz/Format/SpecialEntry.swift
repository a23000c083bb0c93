import Archive

/// The entries that the format itself adds to the root of a layer.
package enum SpecialEntry: String, CaseIterable, Sendable {
    /// Ends the files that are fetched at once, before the workload starts.
    case prefetchLandmark = ".prefetch.landmark"
    /// Says that nothing is to be prefetched.
    case noPrefetchLandmark = ".no.prefetch.landmark"
    case tableOfContents = "stargz.index.json"

    package var path: EntryPath { EntryPath(rawValue) }

    /// What a source that already is eStargz brings along; only in the root are the names special.
    package static let paths = Set(allCases.map(\.path))

    /// A landmark: one byte of content, everything else zero (`estargz/types.go`).
    static func landmark(_ name: SpecialEntry) -> TarEntry {
        var entry = TarEntry(name: name.rawValue, kind: .regular(size: 1), header: .literal([]))
        entry.header = .literal(entry.encodedHeader())
        entry.payload = [.literal([0x0f])]
        return entry
    }

    /// The header of the table of contents, which must follow directly.
    static func tocHeader(size: Int64) -> [UInt8] {
        TarEntry(name: tableOfContents.rawValue, kind: .regular(size: size), header: .literal([])).encodedHeader()
    }
}
