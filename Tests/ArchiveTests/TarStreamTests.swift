import Archive
import Content
import Glibc
import TestSupport
import Testing

/// Reading alone, without threads: fast enough to break each byte of a layer in turn.
@Suite(.timeLimit(.minutes(15)))
struct TarStreamTests {
    /// Takes the inflated layer, in pieces of a size that no block has.
    private final class Memory: TarSink {
        private var bytes: [UInt8] = []
        /// What the sink's work leaves in `errno`, which means nothing after a success.
        var leftover: Int32 = 0
        private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1536, alignment: 64)

        deinit {
            block.deallocate()
        }

        func room() -> UnsafeMutableRawBufferPointer { block }
        func advance(_ count: Int) {
            bytes += block[..<count]
            errno = leftover
        }
        func bytes(in range: Range<Int64>) -> [UInt8] { Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]) }
        func endEntries() {}
    }

    /// What the entries of a layer say; the words tell layers apart that mean different things.
    private func entries(of layer: Layer) throws -> [String] {
        let stream = try TarStream(layer, into: Memory(), expecting: layer.identity, limit: 1 << 30) { _ in }
        var entries: [String] = []
        while let entry = try stream.next() {
            entries.append("\(entry.name) \(entry.kind) \(entry.mode) \(entry.extendedAttributes) \(entry.payload)")
        }
        return entries
    }

    /// libarchive asks `errno` whether a name that it cannot convert failed for want of memory.
    @Test(arguments: [true, false])
    func aLeftoverErrorNumberIsNoFailure(isFromTheSink: Bool) throws {
        let layer = try Layer(
            Tar(.pax) {
                file("a", "x"); file([0x63, 0xe9], [1])
            }.bytes)
        let sink = Memory()
        if isFromTheSink { sink.leftover = ENOMEM }
        let stream = try TarStream(layer, into: sink, expecting: layer.identity, limit: 1 << 30) { _ in }
        _ = try stream.next()
        if !isFromTheSink { errno = ENOMEM }
        let error = #expect(throws: (any Error).self) { try stream.next() }
        #expect((error as? ContextualFailure)?.cause is LayerObstacle, "\(String(describing: error))")
    }

    /// Numbers that no file system and no sum has room for; fuzzing has found that they trapped.
    @Test func numbersBeyondAllBoundsAreBorne() throws {
        let most = String(UInt64.max)
        let device = try Layer(
            Tar(.pax) {
                characterDevice("c", 1, 2).record("SCHILY.devmajor", most).record("SCHILY.devminor", most)
            }.bytes)
        #expect(throws: Never.self) { try entries(of: device) }
        let largest = String(Int64.max - 1)
        let size = try Layer(Tar(.pax) { file("f", "x").record("size", largest) }.bytes)
        #expect(isRefused(size))
        let regions = try Layer(
            Tar(.pax) {
                file("s", "x").record("GNU.sparse.size", largest)
                    .record("GNU.sparse.map", (0..<4).map { "\($0),\(largest)" }.joined(separator: ","))
            }.bytes)
        #expect(isRefused(regions))
    }

    private func isRefused(_ layer: Layer) -> Bool {
        do {
            _ = try entries(of: layer)
            return false
        } catch {
            #expect(error is any Failure, "\(error)")
            return true
        }
    }

    private static func tar(_ dialect: Tar.Dialect) -> [UInt8] {
        let isLong = dialect == .gnu || dialect == .pax
        return Tar(dialect) {
            directory("d")
            if dialect == .pax { globalRecords([("comment", "global")]) }
            file("d/f", "some text").attribute("user.x", [1, 2])
            symlink("s", to: String(repeating: "long/", count: isLong ? 30 : 3))
            hardlink("l", to: "d/f").sizeField(9)
            if dialect == .gnu { sparse(.gnu, "sparse", size: 9000, (0..<6).map { (Int64($0) * 1500, "x") }) }
            if dialect == .pax { sparse(.pax00, "s00", size: 2000, [(600, "hole")]) }
            if dialect == .pax { sparse(.pax01, "s01", size: 2000, [(600, "hole")]) }
            if dialect == .pax { sparse(.pax10, "s10", size: 2000, [(600, "hole")]) }
        }.bytes
    }

    @Test(arguments: Tar.Dialect.allCases)
    func anyByteOfATarMayBeWrong(dialect: Tar.Dialect) throws {
        let tar = Self.tar(dialect)
        for position in tar.indices {
            var broken = tar
            broken[position] ^= [1, 32, 128, 4][position % 4]
            // A sum that is right again, so that more than the sum is tried.
            HeaderSums.repair(&broken, around: position, like: tar)
            // Only that it neither traps nor hangs: what it means now, nobody knows.
            _ = isRefused(try Layer(broken))
        }
    }

    @Test(arguments: Layer.Packing.allCases)
    func anyByteOfABlobMayBeWrong(packing: Layer.Packing) throws {
        let layer = try Layer(Self.tar(.ustar), packing)
        let expected = try entries(of: layer)
        for position in layer.bytes.indices {
            // All bits where bytes are few; the others are zeros for the most part.
            for bit in layer.bytes.count < 2000 ? Array(0..<8) : [position % 8] {
                var bytes = layer.bytes
                bytes[position] ^= UInt8(1) << UInt8(bit)
                var claimed = Layer(blob: bytes, diffID: layer.identity.diffID)
                // With the digest of the broken bytes the layer is read to its end, and means what it did, or is refused.
                if !isRefused(claimed) { #expect(try entries(of: claimed) == expected, "byte \(position), bit \(bit)") }
                claimed.identity = layer.identity
                #expect(isRefused(claimed), "byte \(position), bit \(bit)")
            }
        }
    }

    @Test(arguments: Layer.Packing.allCases)
    func aBlobMayEndAnywhere(packing: Layer.Packing) throws {
        let layer = try Layer(Self.tar(.ustar), packing)
        for count in 0..<layer.bytes.count {
            var cut = Layer(blob: Array(layer.bytes.prefix(count)), diffID: layer.identity.diffID)
            cut.identity = layer.identity
            #expect(isRefused(cut), "\(count) bytes")
        }
    }

    @Test(arguments: Layer.Packing.allCases, [1, 2, 3, 5, 511, 513])
    func aBlobMayArriveInAnyPieces(packing: Layer.Packing, pace: Int) throws {
        let layer = try Layer(Self.tar(.ustar), packing)
        #expect(try entries(of: layer.paced(pace)) == entries(of: layer))
    }

    @Test func compressionIsToldFromTheFirstBytes() {
        let table: [([UInt8], Compression)] = [
            ([], .none), ([0x1f], .none), ([0x1f, 0x8b], .none), ([0x1f, 0x8b, 8], .gzip), ([0x1f, 0x8b, 9], .none),
            ([0x28, 0xb5, 0x2f, 0xfd], .zstd), ([0x28, 0xb5, 0x2f], .none), ([0x50, 0x2a, 0x4d, 0x18], .zstd),
            ([0x5f, 0x2a, 0x4d, 0x18], .zstd), ([0x60, 0x2a, 0x4d, 0x18], .none), (Array("BZh9".utf8), .none),
        ]
        for (bytes, compression) in table {
            #expect(bytes.withUnsafeBytes { Compression(sniffing: $0) } == compression)
        }
    }
}
