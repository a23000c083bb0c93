import Archive
import Content
import EStargz
import SystemPackage
import TestSupport
import Testing

/// Layers that do not fit into the window of memory, or would not fit anywhere.
@Suite(.timeLimit(.minutes(15)), .serialized)
struct MemoryTests {
    private static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var numbers = SeededGenerator(seed)
        return numbers.bytes(count)
    }

    @Test(arguments: [1, 2], [false, true])
    func aFileOf48MebibytesPasses(workers: Int, isNamedTwice: Bool) async throws {
        let content = Self.noise(48 << 20)
        let tar = Tar {
            file("large", content); if isNamedTwice { directory("d"); directory("d") }; file("z", "z")
        }.bytes
        let layer = try await Layer(tar).converted(level: 0, workers: workers)
        #expect(layer.bytes.count > 48 << 20)
        #expect(layer.built.uncompressedSize > 48 << 20)
    }

    @Test(arguments: [1, 2])
    func aHugeEntryThatIsDroppedPasses(workers: Int) async throws {
        let tar = Tar {
            file("a", "x"); file("stargz.index.json", Self.noise(40 << 20)); file("b", "y")
        }.bytes
        let blob = try await Layer(tar, .gzip).converted(workers: workers).parsed()
        #expect(blob.names == [".no.prefetch.landmark", "a", "b"])
    }

    @Test(arguments: [1, 2])
    func manyLargeGlobalHeadersEnd(workers: Int) async throws {
        let record = ("comment", String(repeating: "g", count: 1_000_000))
        let tar = Tar(.pax) {
            file("a", "x")
            for _ in 0..<32 { globalRecords([record]) }
            file("b", "y")
        }.bytes
        // Accepted or refused; both are fine, as long as it ends.
        let kind = await failureKind { try await Layer(tar).converted(workers: workers) }
        #expect(kind == nil || kind == .invalid)
    }

    @Test func aLargePaxHeaderPassesOrIsRefused() async throws {
        for size in [900_000, 3_000_000] {
            let tar = Tar(.pax) { file("a", "x").attribute("user.large", [UInt8](repeating: 1, count: size)) }.bytes
            let kind = await failureKind { try await Layer(tar).converted() }
            #expect(kind == nil || kind == .invalid)
        }
    }

    @Test(arguments: [1, 2])
    func twentyThousandEntriesPass(workers: Int) async throws {
        let tar = Tar { for number in 0..<20_000 { file("d\(number % 100)/f\(number)", "x") } }.bytes
        let layer = try await Layer(tar, .gzip).converted(level: 1, workers: workers)
        #expect(layer.built.uncompressedSize > 20_000 * 1024)
    }

    @Test func theLimitCountsUncompressedBytes() async throws {
        let tar = Tar { file("a", Self.noise(10_000)) }.bytes
        for (limit, kind) in [(tar.count, nil), (tar.count - 1, .limit), (100, .limit)] as [(Int, FailureKind?)] {
            #expect(await failureKind { try await Layer(tar, .gzip).converted(limit: Int64(limit)) } == kind)
        }
    }

    @Test func aGzipBombMeetsTheLimit() async throws {
        let layer = try Layer(Tar { file("bomb", [UInt8](repeating: 0, count: 100 << 20)) }.bytes, .gzip)
        #expect(layer.bytes.count < 200_000)
        #expect(await failureKind { try await layer.converted(limit: 10 << 20) } == .limit)
    }

    @Test func aBombBehindTheEndOfTheArchiveMeetsTheLimit() async throws {
        let tar = Tar { file("a", "x") }.bytes + [UInt8](repeating: 0, count: 100 << 20)
        #expect(await failureKind { try await Layer(tar, .gzip).converted(limit: 10 << 20) } == .limit)
    }

    @Test(arguments: TarItem.SparseForm.allCases)
    func aSparseBombMeetsTheLimit(form: TarItem.SparseForm) async throws {
        for size in [Int64(1) << 33, 1 << 60, .max - 1024, .max] {
            let tar = Tar(form == .gnu ? .gnu : .pax) { sparse(form, "bomb", size: size, [(5, "x")]) }
            // GNU's field of twelve digits holds no more than eight gibibytes.
            if form == .gnu, size >= 1 << 33 { continue }
            let kind = await failureKind { try await Layer(tar.bytes).converted() }
            #expect(kind == .limit || (kind == .invalid && size > 1 << 60), "\(size)")
        }
    }

    @Test func manySparseBombsTogetherMeetTheLimit() async throws {
        let tar = Tar(.pax) {
            for number in 0..<10 { sparse(.pax01, "bomb\(number)", size: 20 << 20, [(5, "x")]) }
        }.bytes
        #expect(await failureKind { try await Layer(tar).converted(limit: 100 << 20) } == .limit)
        #expect(await failureKind { try await Layer(tar).converted(level: 1, limit: 250 << 20) } == nil)
    }

    @Test func aSourceThatBreaksOffEndsTheConversion() async throws {
        struct Broken: ByteSource {
            let layer: Layer
            func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
                guard offset < 3 << 20 else { throw FileFailure.truncated(wanted: 1, found: 0) }
                return layer.read(at: offset, into: buffer)
            }
        }
        let layer = try Layer(Tar { file("large", Self.noise(8 << 20)) }.bytes)
        let writer = LayerWriter(LayerOptions(temporaryDirectory: "/tmp", workers: 2))
        await #expect(throws: (any Error).self) {
            try await writer.write(Broken(layer: layer), expecting: layer.identity) { _ in }
        }
    }

    @Test func cancellingEndsTheConversion() async throws {
        let layer = try Layer(Tar { file("large", Self.noise(48 << 20)) }.bytes)
        let conversion = Task { try await layer.converted(level: 12, workers: 2) }
        conversion.cancel()
        await #expect(throws: CancellationError.self) { _ = try await conversion.value }
    }

    @Test func oneWriterServesManyLayersAtOnce() async throws {
        let layers = try (0..<6).map { try Layer(Tar.random(seed: UInt64($0), .pax).bytes, .gzip) }
        let writer = LayerWriter(LayerOptions(temporaryDirectory: "/tmp", workers: 2))
        try await withThrowingTaskGroup { group in
            for layer in layers {
                group.addTask {
                    let built = try await writer.write(layer, expecting: layer.identity) { _ in }
                    let alone = try await layer.converted()
                    #expect(built.digest == alone.built.digest)
                }
            }
            try await group.waitForAll()
        }
    }
}
