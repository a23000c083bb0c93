import Archive
import Content

/// What a layer holds, and which members of its blob hold it, as its table of contents says.
///
/// Kept compactly: layers with a million files exist.
package struct TableOfContents: Sendable {
    /// A part of a file, which is read as a whole.
    package struct Chunk: Hashable, Sendable {
        /// Where in the blob the member begins.
        package var offset: Int64
        /// Where in the inflated member the data begins.
        package var innerOffset: Int64
        /// Where in the file the chunk begins.
        package var fileOffset: Int64
        package var size: Int64
        package var digest: CompactDigest?
        /// Nothing but zeros, which are not in the blob (containers/storage).
        package var isHole: Bool
    }

    /// Chunks of files and extended attributes count too.
    package static let entryLimit = 2_000_000
    /// How many bytes the paths of all directories may have together.
    package static let directoryLimit = 256 << 20

    /// In the order of the table, chunks left out; without headers and payload.
    package internal(set) var entries: [TarEntry] = []
    /// What is wrong in single fields.
    package internal(set) var findings = LayerFindings()
    /// The first thing that readers cannot decode, or take for something else.
    var unreadable: String?
    /// All chunks in the order of the table.
    package internal(set) var chunks: [Chunk] = []
    /// Where in `chunks` those of an entry begin.
    var firstChunks: [Int] = []
    var digests: [CompactDigest?] = []
    /// Files whose chunks do not make up their size.
    var broken: Set<Int> = []
    /// Where members with data begin, each once, in order.
    var memberOffsets: [Int64] = []

    /// The chunks of an entry.
    ///
    /// - Throws: `LayerReadFailure.brokenChunks` when they do not make up the file.
    package func chunks(of entry: Int) throws -> ArraySlice<Chunk> {
        guard !broken.contains(entry) else { throw LayerReadFailure.brokenChunks }
        return chunkSlice(of: entry)
    }

    /// The chunks of an entry, whatever they are worth.
    func chunkSlice(of entry: Int) -> ArraySlice<Chunk> {
        chunks[firstChunks[entry]..<(entry + 1 < firstChunks.count ? firstChunks[entry + 1] : chunks.count)]
    }

    /// The digest of a whole file; `nil` for everything else, and where the table says none.
    package func digest(of entry: Int) -> Digest? { digests[entry]?.digest }

    /// Whether there is data that nothing vouches for.
    package var lacksChunkDigests: Bool { chunks.contains { $0.digest == nil && !$0.isHole } }

    /// Where the first member behind one begins, or else `end`.
    package func memberEnd(after offset: Int64, end: Int64) -> Int64 {
        var range = memberOffsets.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if memberOffsets[middle] > offset {
                range = range.lowerBound..<middle
            } else {
                range = middle + 1..<range.upperBound
            }
        }
        return range.lowerBound < memberOffsets.count ? min(memberOffsets[range.lowerBound], end) : end
    }

    /// The landmark of the layer, and where what is prefetched ends.
    package var landmark: (name: SpecialEntry, prefetchEnd: Int64)? {
        var found: (SpecialEntry, Int64)?
        for (position, entry) in entries.enumerated() {
            // With both, readers take the one that says no.
            if entry.path == SpecialEntry.noPrefetchLandmark.path { return (.noPrefetchLandmark, 0) }
            if entry.path == SpecialEntry.prefetchLandmark.path {
                found = (.prefetchLandmark, chunkSlice(of: position).first?.offset ?? 0)
            }
        }
        return found
    }
}
