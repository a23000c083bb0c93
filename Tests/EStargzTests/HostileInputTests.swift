import Archive
import Content
import EStargz
import TestSupport
import Testing

/// Whatever a layer holds, it is converted or refused, and nothing traps, hangs or comes out wrong.
@Suite(.timeLimit(.minutes(15)))
struct HostileInputTests {
    private static let tar = Tar(.pax) {
        directory("d")
        file("d/f", "some text").attribute("user.x", [1, 2])
        sparse(.pax10, "s", size: 2000, [(600, "hole")])
        hardlink("l", to: "d/f")
    }.bytes

    @Test(arguments: Layer.Packing.allCases)
    func anyFlippedByteOfABlobIsFoundOrHarmless(packing: Layer.Packing) async throws {
        let layer = try Layer(Self.tar, packing)
        let expected = try await layer.converted()
        // Each byte of a gzip blob; some of the longer ones, which are zeros for the most part.
        for position in stride(from: 0, to: layer.bytes.count, by: packing == .gzip ? 1 : 9) {
            var broken = layer.bytes
            broken[position] ^= UInt8(1) << UInt8(position % 8)
            // The image says what the blob is, so the digest alone finds it, if nothing before does.
            var claimed = Layer(blob: broken, diffID: layer.identity.diffID)
            claimed.identity = layer.identity
            #expect(await failureKind { try await claimed.converted() } != nil, "byte \(position)")
            // As if the blob were meant to be so: what remains is what the tar was, or a refusal.
            let meant = Layer(blob: broken, diffID: layer.identity.diffID)
            guard let result = try? await meant.converted() else { continue }
            #expect(result.bytes == expected.bytes, "byte \(position)")
        }
    }

    /// With digests of the flipped bytes, so that they are really parsed.
    @Test(arguments: Tar.Dialect.allCases)
    func anyFlippedByteOfATarIsBorne(dialect: Tar.Dialect) async throws {
        let tar = Tar(dialect) {
            directory("d")
            file("d/f", "some text").attribute("user.x", [1, 2])
            symlink("s", to: String(repeating: "long/", count: dialect == .gnu || dialect == .pax ? 30 : 3))
            hardlink("l", to: "d/f")
            file("d/f", "again")
            if dialect == .gnu { sparse(.gnu, "sparse", size: 9000, (0..<6).map { (Int64($0) * 1500, "x") }) }
            if dialect == .pax { sparse(.pax10, "sparse", size: 2000, [(600, "hole")]) }
        }.bytes
        for position in stride(from: 0, to: tar.count, by: 3) {
            for bit in [[0, 5, 7][position % 9 / 3]] {
                var broken = tar
                broken[position] ^= UInt8(1) << UInt8(bit)
                // A checksum that is right, so that more than the checksum is tried.
                HeaderSums.repair(&broken, around: position, like: tar)
                guard let result = try? await Layer(broken).converted() else { continue }
                _ = try result.parsed().tree()
            }
        }
    }

    @Test(arguments: Layer.Packing.allCases)
    func aBlobThatEndsEarlyIsFound(packing: Layer.Packing) async throws {
        let layer = try Layer(Self.tar, packing)
        for count in stride(from: 0, to: layer.bytes.count, by: packing == .gzip ? 1 : 11) {
            var cut = Layer(blob: Array(layer.bytes.prefix(count)), diffID: layer.identity.diffID)
            cut.identity = layer.identity
            #expect(await failureKind { try await cut.converted() } == .invalid, "\(count) bytes")
        }
    }

    /// A tar that ends within an entry is refused; one that ends between two is whole, as for every reader of tars.
    @Test func aTarThatEndsEarlyIsFound() async throws {
        let tar = Tar {
            file("a", "some text"); directory("d"); file("b", "x")
        }.bytes
        // Header, data without padding, header, header.
        let ends: Set<Int> = [0, 1536]
        for count in Array(stride(from: 0, to: 1536 + 512, by: 5)) + [511, 512, 513, 521, 1024, 1025, 1535, 1536, 1537]
        {
            let kind = await failureKind { try await Layer(Array(tar.prefix(count))).converted() }
            let isWhole = ends.contains(count) || (512 + 9...1024).contains(count)
            #expect((kind == nil) == isWhole, "\(count) bytes: \(String(describing: kind))")
        }
    }

    @Test(arguments: [UInt64](0..<40))
    func randomBytesAreNoLayer(seed: UInt64) async throws {
        var numbers = SeededGenerator(seed)
        let magic: [UInt8] = [[], [0x1f, 0x8b, 8], [0x1f, 0x8b, 8, 0x1f], [0x28, 0xb5, 0x2f, 0xfd]][Int(seed % 4)]
        let bytes = magic + numbers.bytes(Int(seed) * 97)
        guard !bytes.isEmpty else { return }
        let layer = Layer(blob: bytes, diffID: Digest(of: bytes))
        #expect(await failureKind { try await layer.converted() } == .invalid)
    }

    @Test(arguments: [0, 1, 2, 4, 8, 16, 31])
    func gzipHeadersMayHoldMore(flags: UInt8) async throws {
        let tar = Tar { file("a", "x") }.bytes
        let plain = try Layer(tar, .gzip).bytes
        var header = Array(plain.prefix(10))
        header[3] = flags
        if flags & 4 != 0 { header += [5, 0] + Array("extra".utf8) }
        if flags & 8 != 0 { header += Array("name\0".utf8) }
        if flags & 16 != 0 { header += Array("comment\0".utf8) }
        if flags & 2 != 0 {
            let crc = CRC32.of(header)
            header += [UInt8(crc & 255), UInt8(crc >> 8 & 255)]
        }
        let bytes = header + plain.dropFirst(10)
        for pace in [1, 7, 1000] {
            let layer = Layer(blob: bytes, diffID: Digest(of: tar)).paced(pace)
            #expect(try await layer.converted().parsed().names == [".no.prefetch.landmark", "a"])
        }
    }
}
