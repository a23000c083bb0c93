import Content
import EStargz
import TestSupport
import Testing

/// Seeded random tars: whatever the dialect, prefix, compression and chunk size.
struct RandomTarTests {
    @Test(arguments: Tar.Dialect.allCases, Layer.Packing.allCases)
    func theMountShowsWhatUnpackingLeavesBehind(dialect: Tar.Dialect, packing: Layer.Packing) async throws {
        for seed in UInt64(100)..<108 {
            let tar = Tar.random(seed: seed, dialect, prefix: ["", "./", "/", "../"][Int(seed % 4)])
            let blob = try await tar.converted(packing, chunkSize: [1, 7, 512, 4 << 20][Int(seed / 4 % 4)])
            #expect(try blob.tree().differences(from: tar.unpacked) == [], "seed \(seed)")
        }
    }

    @Test(arguments: Tar.Dialect.allCases)
    func bytesDoNotDependOnWorkers(dialect: Tar.Dialect) async throws {
        for seed in UInt64(200)..<204 {
            let layer = try Layer(Tar.random(seed: seed, dialect, prefix: "").bytes, .gzip)
            let expected = try await layer.converted(chunkSize: 50, workers: 1)
            for workers in [1, 2, 7] {
                #expect(try await layer.converted(chunkSize: 50, workers: workers).bytes == expected.bytes)
            }
        }
    }

    @Test func aLargeFileDoesNotDependOnWorkersEither() async throws {
        var generator = SeededGenerator(1)
        let tar = Tar {
            file("large", generator.bytes(24 << 20)); file("small", "x")
        }
        let layer = try Layer(tar.bytes)
        let expected = try await layer.converted(level: 1, workers: 1)
        #expect(try await layer.converted(level: 1, workers: 5).bytes == expected.bytes)
        #expect(try expected.parsed().tree().differences(from: tar.unpacked) == [])
    }
}
