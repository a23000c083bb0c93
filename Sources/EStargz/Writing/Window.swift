import Archive
import Content

/// The last few megabytes of the layer that is being inflated: what no worker has yet, and what the parser may look at.
final class Window: TarSink {
    /// Which bytes are still needed.
    struct Need {
        /// Those of members that have not been handed out.
        var members: Range<Int64>
        /// Those from here on, which no entry has claimed yet.
        var unclaimed: Int64
    }

    private let pool: SlabPool
    /// Called after each piece with the number of bytes that have arrived.
    private let arrived: (Int64) throws -> Need
    private let ended: () throws -> Void
    private var pieces: [InflatedBytes.Piece] = []
    private var count: Int64 = 0
    private var hasEnded = false

    init(_ pool: SlabPool, arrived: @escaping (Int64) throws -> Need, ended: @escaping () throws -> Void) {
        self.pool = pool
        self.arrived = arrived
        self.ended = ended
    }

    /// Pieces of 256 KiB are large enough for speed and small enough for the caches.
    func room() throws -> UnsafeMutableRawBufferPointer {
        if pieces.last.map({ $0.count == Slab.size }) ?? true {
            // Waiting for more memory would never end: nobody else has any.
            guard pieces.count < pool.limit else { throw WindowFailure.headersTooLarge(limit: pool.limit * Slab.size) }
            pieces.append(InflatedBytes.Piece(slab: pool.take(), start: count, count: 0))
        }
        let piece = pieces[pieces.count - 1]
        return UnsafeMutableRawBufferPointer(
            rebasing: piece.slab.memory[piece.count..<min(Slab.size, piece.count + 256 << 10)])
    }

    func advance(_ count: Int) throws {
        pieces[pieces.count - 1].count += count
        self.count += Int64(count)
        let need = hasEnded ? Need(members: 0..<0, unclaimed: .max) : try arrived(self.count)
        // The parser may still be looking into the last piece.
        guard let last = pieces.popLast() else { return }
        pieces.removeAll { $0.end <= need.unclaimed && !need.members.overlaps($0.start..<$0.end) }
        pieces.append(last)
    }

    func bytes(in range: Range<Int64>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            InflatedBytes.copy(range, from: pieces, to: UnsafeMutableRawBufferPointer(buffer))
            filled = range.count
        }
    }

    func endEntries() throws {
        hasEnded = true
        try ended()
    }

    /// The pieces that hold `range`; they stay as long as somebody has them.
    func pieces(in range: Range<Int64>) -> [InflatedBytes.Piece] {
        pieces.filter { $0.start < range.upperBound && $0.end > range.lowerBound }
    }
}

enum WindowFailure: Failure {
    case headersTooLarge(limit: Int)

    var kind: FailureKind { .invalid }
    var description: String {
        switch self {
        case .headersTooLarge(let limit): "malformed tar: the headers of one entry take more than \(limit) bytes"
        }
    }
}
