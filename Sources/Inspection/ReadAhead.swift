import Content
import Synchronization

/// A blob of which more is fetched than was asked for once it is read from front to back.
///
/// A single file costs what it takes; a directory of many small ones does not cost a request each.
final class ReadAhead: RandomAccess {
    fileprivate struct State {
        /// What was fetched last, longest ago first.
        var windows: [(range: Range<Int64>, bytes: [UInt8])] = []
        var last: Range<Int64>?
        /// How much more to fetch the next time.
        var surplus: Int64 = 0
    }

    private static let windowCount = 2
    fileprivate static let surplusLimit: Int64 = 1 << 20
    /// What may lie between two parts that are read one after the other.
    fileprivate static let gapLimit: Int64 = 256 << 10

    let count: Int64
    private let blob: any RandomAccess
    private let state = Mutex(State())

    init(_ blob: any RandomAccess) {
        self.blob = blob
        count = blob.count
    }

    func bytes(in range: Range<Int64>) async throws -> [UInt8] {
        if let bytes = state.withLock({ $0.bytes(in: range) }) { return bytes }
        let surplus = state.withLock { $0.surplus(behind: range) }
        let window = range.lowerBound..<min(count, range.upperBound.addingSaturated(surplus))
        let bytes = try await blob.bytes(in: window)
        state.withLock { state in
            state.last = window
            // There is one of these for each layer; large chunks are kept elsewhere.
            guard bytes.count <= 2 * Self.surplusLimit else { return }
            state.windows.append((window, bytes))
            if state.windows.count > Self.windowCount { state.windows.removeFirst() }
        }
        return bytes.count == range.count ? bytes : Array(bytes.prefix(range.count))
    }

    func forget() { state.withLock { $0.windows = [] } }
}

extension ReadAhead.State {
    fileprivate func bytes(in range: Range<Int64>) -> [UInt8]? {
        guard
            let window = windows.last(where: {
                $0.range.lowerBound <= range.lowerBound && range.upperBound <= $0.range.upperBound
            })
        else { return nil }
        let start = Int(range.lowerBound - window.range.lowerBound)
        return Array(window.bytes[start..<start + range.count])
    }

    /// Doubles with each part that begins where the one before has ended, or a little later.
    fileprivate mutating func surplus(behind range: Range<Int64>) -> Int64 {
        guard let last,
            (last.lowerBound...last.upperBound.addingSaturated(ReadAhead.gapLimit)).contains(range.lowerBound)
        else {
            surplus = 0
            return 0
        }
        surplus = min(max(2 * surplus, 64 << 10), ReadAhead.surplusLimit)
        return surplus
    }
}
