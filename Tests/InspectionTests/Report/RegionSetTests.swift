import TestSupport
import Testing

@testable import Inspection

/// Which bytes a snapshotter fetches for what is read.
struct RegionSetTests {
    /// Ranges that are read one after the other from a blob of 220,000 bytes, and what each fetches.
    @Test(
        arguments: [
            ([0..<1], [50000]), ([49_999..<50_001], [100_000]), ([0..<220_000], [220_000]),
            ([219_999..<220_000], [20000]),
            ([0..<1, 0..<50000], [50000, 0]), ([0..<1, 10..<60000], [50000, 50000]),
            ([0..<1, 100_000..<100_001, 0..<150_000], [50000, 50000, 50000]),
            ([100_000..<100_001, 50000..<50001, 0..<1, 0..<150_000], [50000, 50000, 50000, 0]),
            ([0..<1, 200_000..<200_001, 150_000..<220_000], [50000, 20000, 50000]),
            ([0..<0, 300_000..<300_001], [0, 0]), ([210_000..<9_000_000], [20000]),
        ] as [([Range<Int64>], [Int64])])
    func whatIsThereIsNotFetchedAgain(reads: [Range<Int64>], fetched: [Int64]) {
        var set = RegionSet(of: 220_000)
        let found = reads.map { set.fetch($0) }
        #expect(found.map(\.bytes) == fetched)
        #expect(found.map(\.requests) == fetched.map { $0 > 0 ? 1 : 0 })
    }

    /// Compared with a list of all regions.
    @Test func anyOrderOfReadsFetchesEachRegionOnce() {
        let count = 40
        for seed in 0..<50 {
            var generator = SeededGenerator(UInt64(seed))
            var set = RegionSet(of: Int64(count) * RegionSet.regionSize)
            var known = [Bool](repeating: false, count: count)
            for _ in 0..<60 {
                let first = Int.random(in: 0..<count, using: &generator)
                let last = Int.random(in: first..<min(count, first + 5), using: &generator)
                let missing = (first...last).count { !known[$0] }
                for region in first...last { known[region] = true }
                let fetch = set.fetch(Int64(first) * RegionSet.regionSize + 7..<Int64(last) * RegionSet.regionSize + 8)
                #expect(fetch.bytes == Int64(missing) * RegionSet.regionSize)
            }
        }
    }

    @Test func aBlobOfAnySizeIsBounded() {
        var set = RegionSet(of: .max)
        #expect(set.fetch(0..<Int64.max).bytes == .max)
        #expect(set.fetch(5..<Int64.max).bytes == 0)
    }
}
