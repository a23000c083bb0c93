import Archive

/// Cuts a layer into members: a pure function of the entries it is given and the chunk size.
///
/// A value that takes entries one by one and hands out members as soon as they are complete, so that a layer can be
/// written while it is still arriving. A member begins at the start of the blob, at each chunk of each file, and within
/// headers once there are `headerLimit` bytes of them; nowhere else, so that the bytes do not depend on workers.
package struct LayerPlan: Sendable {
    /// The default of every eStargz tool; readers hold a whole chunk in memory.
    package static let defaultChunkSize: Int64 = 4 << 20
    /// Bounds a member made of headers alone.
    static let headerLimit: Int64 = 1 << 20

    private let chunkSize: Int64
    /// The member that is still being filled.
    private var open = Member()
    private var headerBytes: Int64 = 0
    /// Members that are complete, once their source bytes are there.
    private var ready: [Member] = []
    private var firstReady = 0

    package init(chunkSize: Int64, landmark: SpecialEntry? = .noPrefetchLandmark) {
        self.chunkSize = chunkSize
        if let landmark { add(.landmark(landmark)) }
    }

    /// Adds an entry behind all others.
    package mutating func add(_ entry: TarEntry) {
        if headerBytes + entry.header.count > Self.headerLimit { cut() }
        open.append(entry.header)
        headerBytes += entry.header.count
        open.items.append(.entry(entry.withoutBytes))
        guard entry.size > 0 else { return }
        var offset: Int64 = 0
        var payload = PayloadCursor(entry.payload)
        while offset < entry.size {
            let size = min(chunkSize, entry.size - offset)
            cut()
            open.items.append(.chunk(offset: offset, size: size))
            for segment in payload.take(size) { open.append(segment) }
            offset += size
        }
        open.append(.zeros(entry.size.tarPadding))
    }

    /// Says that there are no more entries.
    package mutating func finish() {
        cut()
    }

    /// The next member if it is complete and needs no source byte from `arrived` on.
    package mutating func next(arrived: Int64) -> Member? {
        guard firstReady < ready.count, (ready[firstReady].sourceRange?.upperBound ?? 0) <= arrived else { return nil }
        let member = ready[firstReady]
        firstReady += 1
        if firstReady == ready.count {
            ready.removeAll(keepingCapacity: true)
            firstReady = 0
        }
        return member
    }

    /// The stretch of the source that members not yet handed out need, if entries come in source order.
    package var sourceRange: Range<Int64>? {
        let waiting = ready[firstReady...].lazy.compactMap(\.sourceRange)
        guard let first = waiting.first ?? open.sourceRange, let last = open.sourceRange ?? waiting.last else {
            return nil
        }
        return first.lowerBound..<last.upperBound
    }

    private mutating func cut() {
        if open.count > 0 { ready.append(open) }
        open = Member()
        headerBytes = 0
    }
}

/// Cuts pieces off the front of a file's data.
private struct PayloadCursor {
    private let segments: [Segment]
    private var position = 0
    private var offset: Int64 = 0

    init(_ segments: [Segment]) {
        self.segments = segments
    }

    mutating func take(_ count: Int64) -> [Segment] {
        var pieces: [Segment] = []
        var missing = count
        while missing > 0, position < segments.count {
            let piece = min(missing, segments[position].count - offset)
            pieces.append(segments[position][offset..<offset + piece])
            missing -= piece
            offset += piece
            if offset == segments[position].count {
                position += 1
                offset = 0
            }
        }
        return pieces
    }
}

extension TarEntry {
    /// The entry without what only the plan needs, for the table of contents.
    fileprivate var withoutBytes: TarEntry {
        var result = self
        result.header = .literal([])
        result.payload = []
        result.records = []
        return result
    }
}
