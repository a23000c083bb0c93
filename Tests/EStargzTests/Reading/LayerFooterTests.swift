import Content
import EStargz
import TestSupport
import Testing

/// Reference §2 and §6.1: the ends of layers, of every format.
struct LayerFooterTests {
    private func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
    }

    private func footer(_ tail: [UInt8], blobSize: Int64 = 100_000) throws -> LayerFooter? {
        try LayerFooter(parsing: [UInt8](repeating: 7, count: 100) + tail, blobSize: blobSize)
    }

    @Test func eStargz() throws {
        let footer = try #require(try footer(Footer(tocOffset: 0x1a9).bytes))
        #expect(footer.format == .estargz && footer.count == 51)
        #expect(footer.toc == .member(0x1a9..<99_949))
        #expect(footer.canonicalBytes == Footer(tocOffset: 0x1a9).bytes)
    }

    @Test func legacyStargz() throws {
        let tail =
            bytes("1f8b08040000000000ff1600") + Array("00000000000001a9STARGZ".utf8)
            + bytes("010000ffff0000000000000000")
        let footer = try #require(try footer(tail))
        #expect(footer.format == .stargz && footer.toc == .member(0x1a9..<99_953))
        #expect(footer.canonicalBytes == tail)
    }

    @Test func externalTOC() throws {
        let tail = bytes(
            "1f8b08040000000000ff15005347110053544152475a45585445524e414c544f43010000ffff0000000000000000")
        let footer = try #require(try footer(tail))
        #expect(footer.format == .externalTOC && footer.toc == .elsewhere)
        #expect(footer.canonicalBytes == tail)
    }

    @Test func zstdChunked() throws {
        let tail = bytes(
            "502a4d1828000000ed000000000000001a0100000000000080020000000000000100000000000000476e556c496e5578")
        let footer = try #require(try footer(tail))
        #expect(footer.format == .zstdChunked && footer.toc == .frame(237..<519, inflated: 640))
        #expect(footer.canonicalBytes == tail)
    }

    @Test func zstdChunkedOfContainers() throws {
        let numbers: [UInt64] = [237, 282, 640, 1, 600, 10, 20]
        let tail =
            bytes("502a4d1840000000")
            + numbers.flatMap { n in (0..<8).map { UInt8(truncatingIfNeeded: n >> (8 * $0)) } }
            + Array("GNUlInUx".utf8)
        let footer = try #require(try footer(tail))
        #expect(footer.format == .containersZstdChunked && footer.toc == .frame(237..<519, inflated: 640))
    }

    @Test(arguments: [Int64.max, 99_949, 200_000, 99_990])
    func aFooterThatLeadsOutOfTheBlobIsRefused(offset: Int64) throws {
        #expect(throws: LayerReadFailure.self) { try footer(Footer(tocOffset: offset).bytes) }
    }

    @Test func otherEndsAreNoFooter() throws {
        for tail in [[], [0x1f], Array(Footer(tocOffset: 5).bytes.dropLast()), compressedEmpty] {
            #expect(try LayerFooter(parsing: tail, blobSize: Int64(tail.count)) == nil)
        }
    }

    private var compressedEmpty: [UInt8] { bytes("1f8b08000000000000ff010000ffff0000000000000000") }

    /// What still is a footer is not the one that a writer would have written, or leads elsewhere.
    @Test func eachFlippedBitIsSeen() throws {
        let sound = Footer(tocOffset: 0x1a9).bytes
        for position in sound.indices {
            for bit in 0..<8 {
                var tail = sound
                tail[position] ^= 1 << bit
                guard let footer = try? footer(tail) else { continue }
                #expect(
                    footer.canonicalBytes != tail || footer.toc != .member(0x1a9..<99_949),
                    "byte \(position), bit \(bit)")
            }
        }
    }
}
