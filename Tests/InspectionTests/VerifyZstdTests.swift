import Content
import EStargz
import Inspection
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// What footer and annotations of zstd:chunked layers say, for each of its readers.
struct VerifyZstdTests {
    private static let position = "io.containers.zstd-chunked.manifest-position"
    private static let checksum = "io.containers.zstd-chunked.manifest-checksum"

    @Test(arguments: [
        ("", ""), ("position", "annotations"), ("checksum", "annotations"), ("inflated", "footer"),
    ])
    func whatIsSaidOfTheTableIsCompared(wrong: String, promise: String) async throws {
        let tar = Tar { file("a", "hello") }.bytes
        let data = frame(tar[..<512]) + frame(tar[512...])
        let digest = Digest(of: Array("hello".utf8))
        let toc = Array(
            (#"{"version":1,"entries":[{"name":"a","type":"reg","size":5,"mode":420,"modtime":"1970-01-01T00:00:00Z","#
                + #""offset":\#(frame(tar[..<512]).count),"digest":"\#(digest)","chunkDigest":"\#(digest)"}]}"#).utf8)
        let table = frame(toc[...])
        let inflated = toc.count + (wrong == "inflated" ? 1 : 0)
        let blob =
            data + skippable(table)
            + skippable([data.count + 8, table.count, inflated, 1].flatMap(littleEndian) + Array("GnUlInUx".utf8))
        var layer = BuiltTestLayer(blob, diffID: Digest(of: tar), type: .ociLayerZstd)
        layer.descriptor.editAnnotations {
            $0[Annotation.tocDigest] = .string(Digest(of: toc).description)
            $0[Self.position] = .string("\(data.count + (wrong == "position" ? 9 : 8)):\(table.count):\(toc.count):1")
            $0[Self.checksum] = .string(Digest(of: wrong == "checksum" ? toc : table).description)
        }
        let verdict = try await verify(layer)
        #expect(verdict.isLazy)
        #expect(verdict.allFindings.map(\.promise) == (promise.isEmpty ? [] : [promise]), "\(verdict.allFindings)")
    }

    /// containers/storage makes holes where the table says zeros, whatever the blob holds.
    @Test(arguments: [true, false])
    func zerosThatTheTarDoesNotHaveAreFound(isRight: Bool) async throws {
        let tar = Tar { file("a", [UInt8](repeating: isRight ? 0 : 1, count: 4096)) }.bytes
        let data = frame(tar[..<512]) + frame(tar[512...])
        let toc = Array(
            (#"{"version":1,"entries":[{"name":"a","type":"reg","size":4096,"mode":420,"#
                + #""modtime":"1970-01-01T00:00:00Z","digest":"\#(Digest(of: Array(tar[512..<4608])))","#
                + #""chunkType":"zeros","chunkSize":4096}]}"#).utf8)
        let table = frame(toc[...])
        var layer = BuiltTestLayer(data + skippable(table), diffID: Digest(of: tar), type: .ociLayerZstd)
        layer.descriptor.editAnnotations {
            $0[Self.position] = .string("\(data.count + 8):\(table.count):\(toc.count):1")
            $0[Self.checksum] = .string(Digest(of: table).description)
        }
        let found = try await verify(layer).allFindings.filter { $0.promise == "chunk-digest" }
        #expect(found.isEmpty == isRight && found.allSatisfy { $0.entry == "a" && $0.text.contains("zeros") })
    }

    // MARK: -

    private func verify(_ layer: BuiltTestLayer) async throws -> ImageVerdict {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(try layout.putImage([layer]))
            return try await ImageVerifier(
                VerificationRequest(options: InspectionOptions(temporaryDirectory: directory)),
                of: ImageLayout(directory, tag: "latest"), tables: ExternalTables { nil }
            ).run()
        }
    }

    /// A frame of zstd with one block as it is (RFC 8878, section 3.1.1).
    private func frame(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let header = UInt32(bytes.count) << 3 | 1
        return [0x28, 0xb5, 0x2f, 0xfd, 0xa0] + littleEndian(bytes.count).prefix(4)
            + littleEndian(Int(header)).prefix(3) + bytes
    }

    private func skippable(_ bytes: [UInt8]) -> [UInt8] {
        [0x50, 0x2a, 0x4d, 0x18] + littleEndian(bytes.count).prefix(4) + bytes
    }

    private func littleEndian(_ number: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
}
