import Archive
import Content
import EStargz
import Inspection
import OCI
import Profiles
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Transports

/// The merged root file system of an image, read where it lies.
struct LazyImageTests {
    private static let base = Tar {
        directory("etc")
        file("etc/motd", "old"); file("etc/passwd", "root")
        directory("gone"); file("gone/x", "1")
        directory("opaque"); file("opaque/below", "1")
        file("usr/bin/tool", "#!")
    }
    private static let top = Tar {
        file("etc/motd", "new")
        file(".wh.gone")
        directory("opaque"); file("opaque/.wh..wh..opq"); file("opaque/above", "2")
        symlink("link", to: "etc/passwd")
        hardlink("motd", to: "etc/motd")
    }

    @Test func filesComeFromTheTopmostLayerThatHasThem() async throws {
        try await withImage([Self.base, Self.top]) { (image, _) async throws in
            let tree = try await image.readable().tree
            #expect(tree.children(of: .root).map(\.path.description) == ["etc", "link", "motd", "opaque", "usr"])
            #expect(try await text("etc/motd", image) == "new")
            #expect(try await text("/motd", image) == "new")
            #expect(try await text("link", image) == "root")
            #expect(try await text("usr/../usr/bin/tool", image) == "#!")
            for gone in ["gone/x", "gone", "opaque/below", "none"] {
                #expect(try await image.find(gone).node == nil, "\(gone)")
            }
        }
    }

    @Test(arguments: [
        ("etc/motd", 1), ("motd", 1), ("gone/x", 1), ("opaque/below", 1), ("opaque/above", 1), ("etc/passwd", 2),
        ("link", 2), ("none", 2), ("etc/motd/below", 1),
    ])
    func noLayerIsOpenedBelowTheOneThatDecides(path: String, opened: Int) async throws {
        try await withImage([Self.base, Self.top]) { (image, log) async throws in
            _ = try await image.find(path)
            #expect(log.openedBlobs.count == opened)
        }
    }

    /// What was opened for one path serves the next.
    @Test func pathsAreFoundOneAfterTheOther() async throws {
        let paths = ["etc/motd", "gone/x", "etc/passwd", "link", "none", "opaque/below", "usr/bin/tool", "etc/motd"]
        try await withImage([Self.base, Self.top]) { (image, log) async throws in
            for path in paths {
                let found = try await image.find(path).node != nil
                #expect(found == !["gone/x", "none", "opaque/below"].contains(path), "\(path)")
            }
            #expect(log.openedBlobs.count == 2)
        }
    }

    @Test func aSlashBehindANameAsksForADirectory() async throws {
        try await withImage([Self.base, Self.top]) { (image, _) async throws in
            for (path, isThere) in [
                ("etc/", true), ("etc/.", true), ("/", true), ("etc/motd/", false), ("etc/motd/.", false),
                ("etc/motd/..", false), ("link/", false), ("usr/bin/../", true),
            ] {
                #expect((try await image.find(path).node != nil) == isThere, "\(path)")
            }
        }
    }

    @Test func attributesOfADirectoryMayLieBelow() async throws {
        try await withImage([Tar { directory("etc").owner(5, 5) }, Self.top]) { (image, _) async throws in
            let (node, tree) = try await image.find("etc")
            #expect(tree.entry(of: try #require(node)).user.id == 5)
        }
    }

    @Test func aLinkToAFileOfALayerBelowIsFound() async throws {
        let tars = [
            Tar { file("target", "1") }, Tar { file("path", "wrong") }, Tar { hardlink("path", to: "target") },
        ]
        try await withImage(tars, lazy: [true, true, false]) { (image, _) async throws in
            #expect(try await text("path", image) == "1")
        }
    }

    @Test func layersWithoutATableArePulledOnceAndTold() async throws {
        try await withImage([Self.base, Self.top], lazy: [false, true]) { (image, log) async throws in
            _ = try await image.tree()
            #expect(try await text("etc/passwd", image) == "root")
            #expect(try await text("etc/motd", image) == "new")
            #expect(log.notices == ["layer 1: the manifest names no table of contents for it"])
            #expect(log.pulledBlobs.count == 1)
        }
    }

    @Test func aRegistryWithoutRangesIsPulledFromAndTold() async throws {
        try await withImage([Self.base], hasRanges: false) { (image, log) async throws in
            #expect(try await text("etc/motd", image) == "old")
            #expect(log.notices.count == 1 && log.notices[0].contains("206"))
        }
    }

    @Test func aTableThatIsNotTheManifestsIsNotBelieved() async throws {
        try await withImage([Self.base]) { layer in
            layer.descriptor.editAnnotations { $0[Annotation.tocDigest] = .string(Digest(of: [1]).description) }
        } _: { (image, log) async throws in
            #expect(try await text("etc/motd", image) == "old")
            #expect(log.notices.count == 1 && log.notices[0].contains("expected a table of contents with digest"))
        }
    }

    @Test func aDamagedChunkIsNeverHandedOn() async throws {
        try await withImage([Self.base]) { layer in
            let blob = try EStargzBlob(layer.blob)
            let offset = Int(blob.entry("etc/motd")?["offset"]?.integer ?? 0)
            layer.blob[offset + 11] ^= 1
        } _: { (image, _) async throws in
            await #expect(throws: (any Error).self) { try await text("etc/motd", image) }
            #expect(try await text("etc/passwd", image) == "root")
        }
    }

    @Test func messagesNameImageLayerAndFileOnce() async throws {
        try await withImage([Self.base]) { layer in
            let blob = try EStargzBlob(layer.blob)
            layer.blob[Int(blob.entry("etc/motd")?["offset"]?.integer ?? 0) + 11] ^= 1
        } _: { (image, _) async throws in
            let error = await #expect(throws: ContextualFailure.self) { try await text("etc/motd", image) }
            let digest = image.image.manifest.layers[0].digest.short
            #expect(error?.description.hasPrefix("image: layer 1 (\(digest)): etc/motd: ") == true)
        }
    }

    @Test func layersThatDoNotConcernAPathCountAllTheSame() async throws {
        let tars = [
            Tar {
                directory("d").owner(7, 7); file("d/low", "1")
            }, Tar { file("x", "2") }, Tar { file("d/.wh.low") },
            Tar {
                symlink("s", to: "d/low"); file("d/top", "3")
            }, Tar { file("y", "4") },
        ]
        try await withImage(tars) { (image, _) async throws in
            #expect(try await image.find("s").node == nil)
            #expect(try await text("d/top", image) == "3")
            #expect(try await text("x", image) == "2")
            let (node, tree) = try await image.find("d")
            #expect(tree.entry(of: try #require(node)).user.id == 7)
        }
    }

    // MARK: -

    private func text(_ path: String, _ image: LazyImage) async throws -> String {
        let (node, tree) = try await image.find(path)
        let file = try #require(node?.file)
        var bytes: [UInt8] = []
        let size = tree.entry(of: try #require(node)).size
        try await image.forEachPiece(of: file, size: size) { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func withImage(
        _ tars: [Tar], lazy: [Bool]? = nil, hasRanges: Bool = true,
        _ edit: (inout BuiltTestLayer) throws -> Void = { _ in },
        _ body: (LazyImage, AccessLog) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            var layers: [BuiltTestLayer] = []
            for (position, tar) in tars.enumerated() {
                var layer =
                    lazy?[position] ?? true
                    ? try LayerPieces(try await Layer(tar.bytes).converted()).layer()
                    : try BuiltTestLayer(gzip: tar.bytes)
                try edit(&layer)
                layers.append(layer)
            }
            var layout = try LayoutBuilder(at: directory)
            let manifest = try layout.putImage(layers)
            try layout.tag(manifest)
            let log = AccessLog(ImageLayout(directory, tag: "latest"), hasRanges: hasRanges)
            var options = InspectionOptions(temporaryDirectory: directory)
            options.notice = { log.note($0) }
            let image = LazyImage(
                try await PlatformImage(of: log, platform: nil), from: log, tables: ExternalTables { nil },
                named: "image", options)
            try await body(image, log)
        }
    }
}

/// A source that notes what is asked of it.
final class AccessLog: ImageSource {
    private struct State {
        var opened: [Digest] = []
        var pulled: [Digest] = []
        var notices: [String] = []
    }

    private let source: ImageLayout
    private let hasRanges: Bool
    private let state = Mutex(State())

    init(_ source: ImageLayout, hasRanges: Bool = true) {
        self.source = source
        self.hasRanges = hasRanges
    }

    var openedBlobs: [Digest] { state.withLock { $0.opened } }
    var pulledBlobs: [Digest] { state.withLock { $0.pulled } }
    var notices: [String] { state.withLock { $0.notices } }

    func note(_ event: InspectionEvent) {
        state.withLock { state in
            switch event {
            case .pulling(let layer, _, let reason), .skipping(let layer, _, let reason):
                state.notices.append("layer \(layer): \(reason)")
            }
        }
    }

    func resolve() async throws -> Descriptor { try await source.resolve() }

    func document(_ descriptor: Descriptor) async throws -> Document { try await source.document(descriptor) }

    func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        state.withLock { $0.pulled.append(descriptor.digest) }
        return try await source.withBlob(descriptor, progress: progress, body)
    }

    func open(_ descriptor: Descriptor) async throws -> any RandomAccess {
        state.withLock { $0.opened.append(descriptor.digest) }
        guard hasRanges else {
            throw RegistryAnswerFailure.noRanges(try HTTPURL(parsing: "http://localhost/"), 200)
        }
        return try await source.open(descriptor)
    }
}
