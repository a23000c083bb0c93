import Content
import EStargz
import TestSupport
import Testing

/// What must hold for every layer, tried on seeded random ones.
struct PropertyTests {
    private static let prefixes = ["", "./", "/", "../"]

    @Test(arguments: Tar.Dialect.allCases, Layer.Packing.allCases)
    func theTreeSurvives(dialect: Tar.Dialect, packing: Layer.Packing) async throws {
        for seed in UInt64(0)..<12 {
            let tar = Tar.random(
                seed: seed, dialect, prefix: Self.prefixes[Int(seed % 4)], end: Tar.End.allCases[Int(seed % 6)])
            let chunkSize: Int64 = [1, 7, 512, 1000, 4 << 20][Int(seed % 5)]
            // zstd may bear nothing behind it but zeros; the others are told by their magic.
            let layer = try await Layer(tar.bytes, packing).converted(chunkSize: chunkSize, level: Int(seed % 13))
            let differences = try layer.parsed().tree().differences(from: tar.unpacked)
            #expect(differences == [], "seed \(seed)")
        }
    }

    @Test(arguments: Tar.Dialect.allCases, [UInt64](100..<103))
    func bytesDependOnContentAlone(dialect: Tar.Dialect, seed: UInt64) async throws {
        let tar = Tar.random(seed: seed, dialect).bytes
        let expected = try await Layer(tar).converted(chunkSize: 100, workers: 1)
        for workers in [1, 2, 7] {
            let again = try await Layer(tar).converted(chunkSize: 100, workers: workers)
            #expect(again.bytes == expected.bytes)
        }
        for packing in Layer.Packing.allCases {
            for pace in [1, 600] {
                let slow = try await Layer(tar, packing).paced(pace).converted(chunkSize: 100)
                #expect(slow.bytes == expected.bytes)
            }
        }
    }

    /// Large enough that batches are handed over, workers overtake each other and the window moves on.
    @Test(.timeLimit(.minutes(15)), arguments: [1, 2, 7])
    func aLargeLayerIsTheSameForAllWorkers(workers: Int) async throws {
        var numbers = SeededGenerator(7)
        let tar = Tar(.gnu) {
            for number in 0..<300 { file("small/\(number)", numbers.bytes(number * 7)) }
            file("large", numbers.bytes(9 << 20))
            for number in 0..<300 { file("more/\(number)", numbers.bytes(100)) }
        }.bytes
        let layer = try await Layer(tar, .gzip).converted(chunkSize: 1 << 20, level: 1, workers: workers)
        let other = try await Layer(tar).converted(chunkSize: 1 << 20, level: 1, workers: 3)
        #expect(layer.built.digest == other.built.digest)
        #expect(layer.built.diffID == other.built.diffID)
    }

    @Test(arguments: Tar.Dialect.allCases, [UInt64](200..<206))
    func convertingAgainChangesNothing(dialect: Tar.Dialect, seed: UInt64) async throws {
        let first = try await Layer(Tar.random(seed: seed, dialect).bytes).converted(chunkSize: 300)
        let second = try await Layer(blob: first.bytes, diffID: first.built.diffID).converted(chunkSize: 300)
        #expect(second.bytes == first.bytes)
    }
}
