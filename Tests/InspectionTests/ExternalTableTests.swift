import Archive
import Content
import EStargz
import Inspection
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Layers whose tables of contents are in an image beside theirs.
struct ExternalTableTests {
    private static let footer: [UInt8] =
        [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 21, 0] + Array("SG".utf8) + [17, 0]
        + Array("STARGZEXTERNALTOC".utf8) + [1, 0, 0, 0xff, 0xff] + [UInt8](repeating: 0, count: 8)

    @Test func filesAreReadByATableFromAnotherImage() async throws {
        try await withImage { (image, verdict, notices) async throws in
            let (node, tree) = try await image.find("etc/motd")
            let file = try #require(node?.file)
            #expect(try await image.bytes(of: file, in: 0..<5) == Array("hello".utf8))
            #expect(tree.count == 3 && notices() == [])
            #expect(try await image.summary(ofLayer: 0).table?.format == .externalTOC)
            #expect(verdict.isSound && verdict.platforms[0].firstEager == nil, "\(verdict.allFindings)")
        }
    }

    @Test func withoutThatImageTheLayerIsPulled() async throws {
        try await withImage(hasTables: false) { (image, verdict, notices) async throws in
            _ = try await image.tree()
            #expect(notices().count == 1 && notices()[0].contains("in another image, which has none"))
            #expect(verdict.allFindings.map(\.promise) == ["toc"])
            #expect(verdict.platforms[0].firstEager?.number == 1)
        }
    }

    private func withImage(
        hasTables: Bool = true,
        _ body: (LazyImage, ImageVerdict, () -> [String]) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let pieces = try LayerPieces(try await Layer(Tar { file("etc/motd", "hello") }.bytes).converted())
            let blob = pieces.data + Self.footer
            let tar = try GzipMember.all(of: blob).flatMap(\.bytes)
            var layer = BuiltTestLayer(blob, diffID: Digest(of: tar), type: .ociLayerGzip)
            layer.descriptor.editAnnotations { $0[Annotation.tocDigest] = .string(pieces.tocDigest.description) }
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(try layout.putImage([layer]))
            if hasTables {
                var table = try layout.put(try compressed(pieces.tocTar), .ociLayerGzip)
                table.editAnnotations { $0[Annotation.layerDigest] = .string(layer.descriptor.digest.description) }
                let configuration = try layout.put("{}", .ociConfiguration)
                var manifest = JSON.object(JSON.Object())
                manifest["schemaVersion"] = .integer(2)
                manifest["config"] = configuration.json
                manifest["layers"] = .array([table.json])
                try layout.tag(try layout.put(manifest.text, .ociManifest), as: "latest-esgztoc")
            }
            let log = AccessLog(ImageLayout(directory, tag: "latest"))
            let tables = ExternalTables { ImageLayout(directory, tag: "latest-esgztoc") }
            var options = InspectionOptions(temporaryDirectory: directory)
            let verdict = try await ImageVerifier(
                VerificationRequest(options: options), of: log, tables: tables
            ).run()
            options.notice = { log.note($0) }
            let image = LazyImage(
                try await PlatformImage(of: log, platform: nil), from: log, tables: tables, named: "image", options)
            try await body(image, verdict) { log.notices }
        }
    }
}
