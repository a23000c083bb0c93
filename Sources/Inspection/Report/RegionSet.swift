/// The parts of a blob that a snapshotter has fetched: regions of a fixed size, as many as are needed for what is read.
struct RegionSet {
    /// `blob.chunk_size` of the Stargz Snapshotter.
    static let regionSize: Int64 = 50000

    /// How much one request fetches.
    struct Fetch: Hashable {
        /// One, or none when all is there.
        var requests: Int64 = 0
        var bytes: Int64 = 0
    }

    private let size: Int64
    /// In order, apart from each other.
    private var ranges: [Range<Int64>] = []

    /// - Parameter size: of the blob.
    init(of size: Int64) {
        self.size = size
    }

    /// Fetches what is missing of a range, all of it with one request.
    mutating func fetch(_ range: Range<Int64>) -> Fetch {
        let wanted = range.clamped(to: 0..<size)
        guard !wanted.isEmpty else { return Fetch() }
        let start = wanted.lowerBound / Self.regionSize * Self.regionSize
        let last = (wanted.upperBound - 1) / Self.regionSize
        let (end, overflow) = ((last + 1).multipliedReportingOverflow(by: Self.regionSize))
        return insert(start..<(overflow ? size : min(end, size)))
    }

    private mutating func insert(_ range: Range<Int64>) -> Fetch {
        // The first that is not wholly before, and the first that is wholly behind.
        let first = position { $0.upperBound >= range.lowerBound }
        let end = position { $0.lowerBound > range.upperBound }
        let touched = ranges[first..<end]
        let known = touched.reduce(0) { $0 + Int64($1.clamped(to: range).count) }
        let missing = Int64(range.count) - known
        guard missing > 0 else { return Fetch() }
        let lower = min(range.lowerBound, touched.first?.lowerBound ?? range.lowerBound)
        let upper = max(range.upperBound, touched.last?.upperBound ?? range.upperBound)
        ranges.replaceSubrange(first..<end, with: CollectionOfOne(lower..<upper))
        return Fetch(requests: 1, bytes: missing)
    }

    /// The position of the first range that fulfils a condition which all later ones fulfil too.
    private func position(where condition: (Range<Int64>) -> Bool) -> Int {
        var rest = ranges.indices
        while !rest.isEmpty {
            let middle = rest.lowerBound + rest.count / 2
            rest = condition(ranges[middle]) ? rest.lowerBound..<middle : middle + 1..<rest.upperBound
        }
        return rest.lowerBound
    }
}
