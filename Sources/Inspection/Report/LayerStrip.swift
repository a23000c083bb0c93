import Archive
import Content

/// A layer as a picture: its blob from the first byte to the last, in pieces that are wide enough to be seen.
package struct LayerStrip: Sendable {
    package enum Kind: Hashable, Sendable {
        /// There before the workload starts.
        case prefetched
        /// Opened by the workload, but not prefetched.
        case late
        case other
    }

    /// A file, or neighbours that are too small to be drawn alone.
    package struct Piece: Hashable, Sendable {
        package fileprivate(set) var kind: Kind
        /// In bytes of the blob.
        package fileprivate(set) var range: Range<Int64>
        package fileprivate(set) var fileCount: Int
        package let first: EntryPath
        package fileprivate(set) var last: EntryPath
        /// Uncompressed.
        package fileprivate(set) var size: Int64
        package fileprivate(set) var compressedSize: Int64
    }

    /// How many pieces of equal width there would be at most; larger files among small ones may double that.
    static let resolution: Int64 = 1500

    /// In order, apart from each other, and all before the table of contents.
    package private(set) var pieces: [Piece] = []

    /// - Parameters:
    ///   - contents: of the layer.
    ///   - size: of its blob.
    ///   - needed: what the workload opens, as positions in the table of contents; `nil` when that is not known.
    package init(_ contents: ReportedLayer.Contents, size: Int64, needed: Set<Int>?) {
        let narrowest = max(1, size / Self.resolution)
        for file in contents.map.files {
            // Hostile tables have files that overlap.
            let start = max(file.range.lowerBound, pieces.last?.range.upperBound ?? 0)
            let range = start..<max(start, min(file.range.upperBound, contents.dataEnd))
            let isEarly = file.range.lowerBound < contents.prefetchEnd
            let isLate = !isEarly && needed?.contains(file.entry) ?? false
            let piece = Piece(
                kind: isEarly ? .prefetched : isLate ? .late : .other, range: range, fileCount: 1, first: file.path,
                last: file.path, size: file.size, compressedSize: file.compressedSize)
            guard range.count < narrowest, let previous = pieces.indices.last,
                pieces[previous].range.count < narrowest || range.isEmpty,
                (pieces[previous].kind == .prefetched) == isEarly || range.isEmpty
            else {
                pieces.append(piece)
                continue
            }
            pieces[previous].add(piece)
        }
    }
}

extension LayerStrip.Piece {
    fileprivate mutating func add(_ other: LayerStrip.Piece) {
        range = range.lowerBound..<max(range.upperBound, other.range.upperBound)
        // What is late must not go unseen among what does not matter.
        if other.kind == .late { kind = .late }
        fileCount += other.fileCount
        last = other.last
        size = size.addingSaturated(other.size)
        compressedSize = compressedSize.addingSaturated(other.compressedSize)
    }
}
