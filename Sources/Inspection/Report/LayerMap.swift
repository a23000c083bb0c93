import Archive
import Content
import EStargz

/// Where the files of a layer lie in its blob.
package struct LayerMap: Sendable {
    /// A file with data.
    package struct File: Hashable, Sendable {
        package let path: EntryPath
        /// Of the members with its data, from the first to the last.
        package let range: Range<Int64>
        /// Uncompressed.
        package let size: Int64
        /// What it takes of the blob. Where several files share a member, each has its share of it.
        package let compressedSize: Int64
        /// Its position in the table of contents.
        package let entry: Int

        /// Whether compression gains less than a tenth, in a file for which that matters.
        package var isDense: Bool { size >= 4096 && compressedSize >= size / 10 * 9 }
    }

    /// In the order of the blob.
    package let files: [File]
    /// Members with data.
    package let memberCount: Int

    init(_ files: [File], memberCount: Int) {
        self.files = files
        self.memberCount = memberCount
    }

    init(_ reader: LayerReader) {
        let table = reader.table
        // How much data each member holds.
        var contents: [Int64: Int64] = [:]
        for chunk in table.chunks where !chunk.isHole {
            contents[chunk.offset, default: 0] = (contents[chunk.offset] ?? 0).addingSaturated(chunk.size)
        }
        memberCount = contents.count
        var files: [File] = []
        for (position, entry) in table.entries.enumerated() {
            guard case .regular(let size) = entry.kind, size > 0, !SpecialEntry.paths.contains(entry.path),
                // Verification tells of files whose chunks make no sense.
                let chunks = try? table.chunks(of: position)
            else { continue }
            var range: Range<Int64>?
            var compressed: Int64 = 0
            for chunk in chunks where !chunk.isHole {
                let end = table.memberEnd(after: chunk.offset, end: reader.dataEnd)
                guard chunk.offset < end else { continue }
                let all = contents[chunk.offset] ?? chunk.size
                compressed = compressed.addingSaturated(Self.share(of: end - chunk.offset, chunk.size, all))
                range = min(range?.lowerBound ?? chunk.offset, chunk.offset)..<max(range?.upperBound ?? end, end)
            }
            guard let range else { continue }
            files.append(
                File(path: entry.path, range: range, size: size, compressedSize: compressed, entry: position))
        }
        self.files = files.sorted { ($0.range.lowerBound, $0.entry) < ($1.range.lowerBound, $1.entry) }
    }

    /// The part of `whole` that belongs to `part` of `all`.
    private static func share(of whole: Int64, _ part: Int64, _ all: Int64) -> Int64 {
        guard part < all else { return whole }
        let product = whole.multipliedFullWidth(by: part)
        // Less than `whole`, since `part` is less than `all`.
        return all.dividingFullWidth(product).quotient
    }
}
