import Archive
import EStargz
import Testing

@testable import Inspection

/// The picture of a layer, whatever its table says.
struct LayerStripTests {
    private static func strip(
        _ ranges: [Range<Int64>], size: Int64, prefetchEnd: Int64 = 0, needed: Set<Int>? = nil
    ) -> LayerStrip {
        let files = ranges.enumerated().map { position, range in
            LayerMap.File(
                path: EntryPath("file-\(position)"), range: range, size: Int64(range.count), compressedSize: 1,
                entry: position)
        }
        let contents = ReportedLayer.Contents(
            format: .estargz, map: LayerMap(files, memberCount: files.count), entryCount: files.count,
            fileCount: files.count, tocSize: 0, tocTextSize: 0, dataEnd: size, footerSize: 51, landmark: nil,
            prefetchEnd: prefetchEnd)
        return LayerStrip(contents, size: size, needed: needed)
    }

    @Test func largeFilesStandAloneAndSmallOnesTogether() {
        let strip = Self.strip(
            [0..<500_000, 500_000..<500_100, 500_100..<500_200, 500_300..<900_000], size: 1_000_000)
        #expect(strip.pieces.map(\.fileCount) == [1, 2, 1])
        #expect(strip.pieces.map(\.range) == [0..<500_000, 500_000..<500_200, 500_300..<900_000])
        #expect(strip.pieces[1].first.description == "file-1" && strip.pieces[1].last.description == "file-2")
        #expect(strip.pieces[1].size == 200)
    }

    @Test func whatIsPrefetchedStaysApartAndWhatIsLateIsSeen() {
        let strip = Self.strip(
            [0..<10, 10..<20, 20..<30, 30..<40], size: 1_000_000, prefetchEnd: 20, needed: [0, 3])
        #expect(strip.pieces.map(\.kind) == [.prefetched, .late])
        #expect(strip.pieces.map(\.fileCount) == [2, 2])
    }

    @Test(arguments: [1, 999, 100_000])
    func thereAreNeverMoreThanAFewThousandPieces(width: Int64) {
        let count: Int64 = 100_000
        let ranges = (0..<count).map { $0 * width..<($0 + 1) * width }
        let strip = Self.strip(ranges, size: count * width, prefetchEnd: count * width / 3)
        #expect(strip.pieces.count > 1000 && strip.pieces.count <= 3001, "\(strip.pieces.count)")
        #expect(strip.pieces.reduce(0) { $0 + $1.fileCount } == Int(count))
    }

    @Test func overlappingFilesAreDrawnApart() {
        let ranges = (0..<50000).map { Int64($0 / 7)..<Int64(1_000_000 + $0) }
        let strip = Self.strip(ranges, size: 500_000)
        #expect(strip.pieces.reduce(0) { $0 + $1.fileCount } == ranges.count)
        #expect(strip.pieces.count < 10, "\(strip.pieces.count)")
        for (piece, next) in zip(strip.pieces, strip.pieces.dropFirst()) {
            #expect(piece.range.upperBound <= next.range.lowerBound)
        }
        #expect(strip.pieces.allSatisfy { $0.range.upperBound <= 500_000 })
    }
}
