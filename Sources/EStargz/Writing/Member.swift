import Archive

/// A run of output tar bytes that is compressed on its own, as one gzip member.
package struct Member: Sendable {
    /// What the table of contents has to learn from this member, in order.
    package enum Item: Sendable {
        /// An entry whose header ends here.
        case entry(TarEntry)
        /// The member begins with this part of the data of the last entry.
        case chunk(offset: Int64, size: Int64)
    }

    package var segments: [Segment] = []
    package var items: [Item] = []
    /// Uncompressed bytes.
    package private(set) var count: Int64 = 0

    mutating func append(_ segment: Segment) {
        guard segment.count > 0 else { return }
        count += segment.count
        // Neighbours that lie side by side in the source are copied in one go.
        if case .source(let range) = segment, case .source(let last)? = segments.last,
            last.upperBound == range.lowerBound
        {
            segments[segments.count - 1] = .source(last.lowerBound..<range.upperBound)
        } else {
            segments.append(segment)
        }
    }

    /// The stretch of the source that the member needs.
    var sourceRange: Range<Int64>? {
        let ranges = segments.lazy.compactMap(\.sourceRange)
        guard let first = ranges.first else { return nil }
        return ranges.reduce(first) {
            min($0.lowerBound, $1.lowerBound)..<max($0.upperBound, $1.upperBound)
        }
    }
}

extension Segment {
    fileprivate var sourceRange: Range<Int64>? {
        if case .source(let range) = self { range } else { nil }
    }
}
