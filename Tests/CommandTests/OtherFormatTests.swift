import Content
import EStargz
import OCI
import TestSupport
import Testing

/// Layers of the kinsmen of eStargz, read by command.
@Suite(.timeLimit(.minutes(5)))
struct OtherFormatTests {
    /// The ancestor vouches for nothing but whole layers; some of its writers said more.
    @Test(arguments: [true, false])
    func legacyStargzIsReadAsFarAsItCanBe(hasDigests: Bool) async throws {
        try await withWorkplace { place, layout in
            var pieces = try await Self.pieces()
            if !hasDigests {
                for name in [".no.prefetch.landmark", "etc/motd"] { pieces.edit(name) { $0["chunkDigest"] = nil } }
            }
            let digits = String(pieces.data.count, radix: 16)
            let mark = String(repeating: "0", count: 16 - digits.count) + digits + "STARGZ"
            let footer = Self.member(extra: [22, 0] + Array(mark.utf8))
            try layout.add(
                [try Self.layer(pieces.data + (try compressed(pieces.tocTar)) + footer, pieces)], tag: "legacy")
            let image = "oci:\(place.source):legacy"
            let result = try await place.esgz(["cat", image, "etc/motd"])
            #expect(result.status == 0 && result.output == "hello")
            #expect(result.errors.contains("is pulled as a whole") != hasDigests, "\(result.errors)")
            let shown = try await place.esgz(["inspect", image])
            #expect(shown.output.contains(hasDigests ? "stargz" : "has no digests of data"), "\(shown)")
            let verdict = try await place.esgz(["verify", image])
            #expect(verdict.status == (hasDigests ? 0 : 6), "\(verdict)")
            #expect(verdict.output.contains("\n  LAZY\n") == hasDigests, "\(verdict)")
        }
    }

    /// The tables are where the snapshotter looks for them: beside the image, under its tag with `-esgztoc`.
    @Test func tablesBesideTheImageAreFound() async throws {
        try await withWorkplace { place, layout in
            let pieces = try await Self.pieces()
            let footer = Self.member(extra: [21, 0] + Array("SG".utf8) + [17, 0] + Array("STARGZEXTERNALTOC".utf8))
            let layer = try Self.layer(pieces.data + footer, pieces)
            try layout.add([layer], tag: "1")
            let image = "oci:\(place.source):1"
            let without = try await place.esgz(["cat", image, "etc/motd"])
            #expect(without.output == "hello" && without.errors.contains("is pulled as a whole"), "\(without)")
            var table = try TinyLayer(pieces.tocTar)
            table.descriptor.editAnnotations {
                $0[Annotation.layerDigest] = .string(layer.descriptor.digest.description)
            }
            try layout.add([table], tag: "1-esgztoc")
            let with = try await place.esgz(["cat", image, "etc/motd"])
            #expect(with.output == "hello" && with.errors == "", "\(with)")
            #expect(try await place.esgz(["inspect", image]).output.contains("estargz-external-toc"))
            let verdict = try await place.esgz(["verify", image])
            #expect(verdict.status == 0 && verdict.output.contains("\n  LAZY\nno findings"), "\(verdict)")
        }
    }

    // MARK: -

    private static func pieces() async throws -> LayerPieces {
        try LayerPieces(try await Layer(Tar { file("etc/motd", "hello") }.bytes).converted())
    }

    /// An empty member with an extra field, as footers are.
    private static func member(extra: [UInt8]) -> [UInt8] {
        [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff] + extra + [1, 0, 0, 0xff, 0xff] + [UInt8](repeating: 0, count: 8)
    }

    private static func layer(_ blob: [UInt8], _ pieces: LayerPieces) throws -> TinyLayer {
        var layer = try TinyLayer(try GzipMember.all(of: blob).flatMap(\.bytes))
        layer.blob = blob
        layer.descriptor = Descriptor(mediaType: .ociLayerGzip, digest: Digest(of: blob), size: Int64(blob.count))
        layer.descriptor.editAnnotations { $0[Annotation.tocDigest] = .string(pieces.tocDigest.description) }
        return layer
    }
}
