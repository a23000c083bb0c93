import Archive
import Content

/// Members that are compressed in one go, so that small files do not cost a hand-over each.
struct Batch: Sendable {
    /// Bytes of the uncompressed members that make a batch worth handing over.
    static let size: Int64 = 1 << 20

    private(set) var members: [Member] = []
    private(set) var count: Int64 = 0
    var source: InflatedBytes = .window([])

    mutating func append(_ member: Member) {
        members.append(member)
        count += member.count
    }

    /// The stretch of the inflated layer that the members need.
    var sourceRange: Range<Int64>? {
        let ranges = members.lazy.compactMap(\.sourceRange)
        guard let first = ranges.first else { return nil }
        return ranges.reduce(first) {
            min($0.lowerBound, $1.lowerBound)..<max($0.upperBound, $1.upperBound)
        }
    }
}

/// A batch after its members were compressed.
struct CompressedBatch: Sendable {
    struct CompressedMember: Sendable {
        let items: [Member.Item]
        /// Bytes of the gzip member.
        let compressedCount: Int
        /// Bytes of the tar.
        let count: Int
        /// Digest of the chunk that the member begins with.
        let chunkDigest: Digest?
    }

    let members: [CompressedMember]
    /// The members' tar bytes, one after the other.
    let uncompressed: Buffer
    /// The gzip members, one after the other.
    let compressed: Buffer
}

extension Batch {
    /// Compresses the members; called from many threads at once, each with a compressor of its own.
    func compress(with compressor: GzipCompressor, buffers: BufferPool) throws -> CompressedBatch {
        let bounds = members.map { compressor.bound(Int($0.count)) }
        let uncompressed = buffers.take(Int(count))
        let compressed = buffers.take(bounds.reduce(0, +))
        var results: [CompressedBatch.CompressedMember] = []
        results.reserveCapacity(members.count)
        for (member, bound) in zip(members, bounds) {
            let input = uncompressed.extend(Int(member.count))
            try member.gather(from: source, into: input)
            let written = try compressor.compress(
                UnsafeRawBufferPointer(input), into: compressed.reserve(bound))
            compressed.count += written
            results.append(
                CompressedBatch.CompressedMember(
                    items: member.items, compressedCount: written, count: Int(member.count),
                    chunkDigest: member.chunkSize.map { size in
                        Digest(of: UnsafeRawBufferPointer(rebasing: input[..<Int(size)]))
                    }))
        }
        return CompressedBatch(members: results, uncompressed: uncompressed, compressed: compressed)
    }
}

extension Member {
    /// How many bytes of a file the member begins with.
    fileprivate var chunkSize: Int64? {
        if case .chunk(_, let size)? = items.first { size } else { nil }
    }

    fileprivate func gather(from source: InflatedBytes, into output: UnsafeMutableRawBufferPointer) throws {
        var position = 0
        for segment in segments {
            let part = UnsafeMutableRawBufferPointer(rebasing: output[position..<position + Int(segment.count)])
            switch segment {
            case .source(let range): try source.copy(range, to: part)
            case .literal(let bytes): part.copyBytes(from: bytes)
            case .zeros: part.initializeMemory(as: UInt8.self, repeating: 0)
            }
            position += part.count
        }
    }
}
