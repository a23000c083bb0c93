import Archive
import Content
import Conversion
import EStargz
import OCI
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Transports

/// What becomes of manifests, configurations and indexes, from layout to layout.
struct ConversionTests {
    private let amd64 = Platform(os: "linux", architecture: "amd64")
    private let armV7 = Platform(os: "linux", architecture: "arm", variant: "v7")

    @Test func unknownFieldsOrderAndNumberTextsStay() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let image = try layout.putImage([try tarLayer("a")]) { root in
                root["x-unknown"] = .number("1.50")
                root["annotations"] = .object(JSON.Object())
                root["annotations"]?["org.example"] = "kept"
            }
            try layout.tag(image)
            let result = try await convert(in: directory)
            let manifest = try result.manifest()
            let keys = manifest.document.root.object?.members.map(\.key)
            #expect(keys == ["schemaVersion", "mediaType", "config", "layers", "x-unknown", "annotations"])
            #expect(manifest.document.root["x-unknown"] == .number("1.50"))
            #expect(manifest.document.root["annotations"]?["org.example"] == "kept")
            let configuration = try result.configuration()
            let text = String(decoding: configuration.bytes, as: UTF8.self)
            #expect(text.contains(#""unknown":[1.50,{"z":1,"a":2}]"#))
            #expect(text.contains(#""history":[{"created_by":"<test>"}]"#))
        }
    }

    @Test func annotationsOfTheOldBytesGoAndThoseOfTheNewOnesCome() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            var layer = try tarLayer("a")
            layer.descriptor.editAnnotations { annotations in
                annotations["org.example"] = "kept"
                annotations[Annotation.tocDigest] = "sha256:stale"
                annotations["io.github.containers.zstd-chunked.manifest-checksum"] = "stale"
                annotations["io.containers.zstd-chunked.manifest-position"] = "stale"
            }
            layer.descriptor.json["urls"] = .array(["https://example.com/old"])
            try layout.tag(try layout.putImage([layer]))
            let result = try await convert(in: directory)
            let converted = try #require(try result.manifest().layers.first)
            let keys = converted.json["annotations"]?.object?.members.map(\.key)
            #expect(keys == ["org.example", Annotation.tocDigest, Annotation.uncompressedSize])
            #expect(converted.json["urls"] == nil)
            #expect(converted.mediaType == .ociLayerGzip)
        }
    }

    /// A few kilobytes of indexes could lead to thousands of millions.
    @Test func anIndexThatLeadsToTooManyManifestsIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let image = try layout.putImage([try tarLayer("a")])
            let inner = try layout.putIndex(Array(repeating: image, count: 100))
            try layout.tag(try layout.putIndex(Array(repeating: inner, count: 100)))
            let failure = await #expect(throws: ContextualFailure.self) { try await convert(in: directory) }
            #expect(failure?.description.contains("at most 2000 manifests") == true)
        }
    }

    @Test func equalLayersAreConvertedOnceAndCountTwice() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let (a, b) = (try tarLayer("a"), try tarLayer("b"))
            try layout.tag(try layout.putImage([a, b, a]))
            let result = try await convert(in: directory)
            #expect(result.report.layers.count == 2)
            let manifest = try result.manifest()
            #expect(manifest.layers.count == 3)
            #expect(manifest.layers[0] == manifest.layers[2])
            let diffIDs = try ImageConfiguration(try result.configuration()).diffIDs
            #expect(diffIDs.count == 3)
            #expect(diffIDs[0] == diffIDs[2])
            #expect(diffIDs[0] != diffIDs[1])
        }
    }

    /// The same tar, compressed differently: the results are mapped by position, not by DiffID.
    @Test func equalDiffIDsOfDifferentBlobsAreNoProblem() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let tar = tar([("a", "a")])
            try layout.tag(try layout.putImage([try BuiltTestLayer(gzip: tar), BuiltTestLayer(plain: tar)]))
            let manifest = try await convert(in: directory).manifest()
            #expect(manifest.layers[0].digest == manifest.layers[1].digest)
            #expect(manifest.layers.allSatisfy { $0.mediaType == .ociLayerGzip })
        }
    }

    @Test func foreignLayersAreNeitherFetchedNorPushedAndOthersAreCopied() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            var foreign = BuiltTestLayer(
                Array("elsewhere".utf8), diffID: Digest(of: Array("foreign".utf8)),
                type: MediaType("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"))
            foreign.blob = []
            foreign.descriptor.json["urls"] = .array(["https://example.com/base"])
            let other = BuiltTestLayer(
                Array("{}".utf8), diffID: Digest(of: Array("other".utf8)),
                type: MediaType("application/vnd.in-toto+json"))
            try layout.tag(try layout.putImage([foreign, try tarLayer("a"), other]))
            let result = try await convert(in: directory)
            #expect(result.report.layers.map(\.action) == [.skip, .convert, .copy])
            let layers = try result.manifest().layers
            #expect(layers[0].digest == foreign.descriptor.digest)
            #expect(layers[0].mediaType.text == "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
            #expect(layers[0].json["urls"] == foreign.descriptor.json["urls"])
            #expect(layers[2].digest == other.descriptor.digest)
            #expect(try result.blob(other.descriptor.digest) == other.blob)
        }
    }

    @Test func aLayerWithANameThatIsNoTextStaysAsItIsAndIsWarnedOf() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            var bytes = tar([("caf?", "a")])
            let name = try #require(bytes.firstIndex(of: UInt8(ascii: "?")))
            // Latin-1, and the checksum of the header with it.
            bytes[name] = 0xe9
            let sum = bytes[..<512].enumerated().reduce(0) {
                $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element))
            }
            bytes.replaceSubrange(148..<154, with: ("0" + String(sum, radix: 8)).utf8)
            let odd = try BuiltTestLayer(gzip: bytes)
            try layout.tag(try layout.putImage([odd, try tarLayer("b")]))

            let result = try await convert(in: directory)
            #expect(result.report.layers.map(\.action) == [.keep, .convert])
            #expect(result.report.warnings.count == 1)
            #expect(result.report.warnings.first?.contains("caf\u{fffd}") == true)
            #expect(try result.manifest().layers[0] == odd.descriptor)
            #expect(try result.blob(odd.descriptor.digest) == odd.blob)
            #expect(try ImageConfiguration(try result.configuration()).diffIDs[0] == odd.diffID)

            await #expect(throws: (any Error).self) {
                try await convert(in: directory, to: "strict") { $0.isStrict = true }
            }
        }
    }

    @Test func dockerTypesBecomeOCITypesEverywhere() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let layer = try BuiltTestLayer(gzip: tar([("a", "a")]), type: .dockerLayerGzip)
            var image = try layout.putImage([layer], docker: true)
            image.json["platform"] = platformJSON(amd64)
            try layout.tag(try layout.putIndex([image], docker: true))
            let result = try await convert(in: directory)
            #expect(result.root.mediaType == .ociIndex)
            let index = try result.index()
            #expect(index.manifests.map(\.mediaType) == [.ociManifest])
            let manifest = try result.manifest(index.manifests[0])
            #expect(manifest.document.root["mediaType"] == .string(MediaType.ociManifest.text))
            #expect(manifest.configuration.mediaType == .ociConfiguration)
            #expect(manifest.layers.map(\.mediaType) == [.ociLayerGzip])

            let kept = try await convert(in: directory, to: "kept") { $0.keepsDockerTypes = true }
            #expect(kept.root.mediaType == .dockerIndex)
            #expect(kept.report.warnings.count == 1)
            let keptManifest = try kept.manifest(try kept.index().manifests[0])
            #expect(keptManifest.layers.map(\.mediaType) == [.dockerLayerGzip])
            #expect(keptManifest.layers[0].annotation(Annotation.tocDigest) != nil)
        }
    }

    @Test func anIndexKeepsItsOrderAndItsAttestationsFollow() async throws {
        try await withTemporaryDirectory { directory in
            let (index, old) = try multiPlatformImage(in: directory)
            let result = try await convert(in: directory)
            let manifests = try result.index().manifests
            #expect(manifests.count == index.count)
            #expect(manifests.map(\.platform) == index.map(\.platform))
            #expect(try result.index().document.root["annotations"]?["kept"] == "yes")
            #expect(manifests[0].digest != old[0])
            #expect(manifests[1].annotation(Annotation.attestedDigest) == manifests[0].digest.description)
            #expect(manifests[3].annotation(Annotation.attestedDigest) == manifests[2].digest.description)
            // The attestations themselves are what they were, blobs and all.
            #expect(manifests[1].digest == index[1].digest)
            let statement = try result.manifest(manifests[1])
            for blob in [statement.configuration] + statement.layers { _ = try result.blob(blob.digest) }
            // Both platforms share their first layer, which was converted once.
            #expect(result.report.layers.count == 3)
        }
    }

    @Test func attestationsCanBeDropped() async throws {
        try await withTemporaryDirectory { directory in
            _ = try multiPlatformImage(in: directory)
            let result = try await convert(in: directory) { $0.attestations = .drop }
            #expect(try result.index().manifests.map(\.platform) == [amd64, armV7])
        }
    }

    @Test func onlyTheWantedPlatformStaysWithItsAttestation() async throws {
        try await withTemporaryDirectory { directory in
            _ = try multiPlatformImage(in: directory)
            let result = try await convert(in: directory) {
                $0.platforms = [Platform(os: "linux", architecture: "arm")]
            }
            let manifests = try result.index().manifests
            #expect(manifests.first?.platform == armV7)
            #expect(manifests.count == 2)
            #expect(manifests.last?.annotation(Annotation.attestedDigest) == manifests.first?.digest.description)
        }
    }

    @Test(arguments: [true, false])
    func aPlatformThatIsNotThereIsAnErrorThatListsWhatIs(ofAnIndex: Bool) async throws {
        try await withTemporaryDirectory { directory in
            if ofAnIndex {
                _ = try multiPlatformImage(in: directory)
            } else {
                var layout = try LayoutBuilder(at: directory.appending("source"))
                try layout.tag(try layout.putImage([try tarLayer("a")]))
            }
            let error = await #expect(throws: (any Error).self) {
                try await convert(in: directory) { $0.platforms = [Platform(os: "linux", architecture: "s390x")] }
            }
            #expect((error as? any Failure)?.kind == .notFound)
            #expect(String(describing: error).contains("linux/s390x; there are: linux/amd64"))
        }
    }

    @Test func aPlatformThatOccursTwiceIsWrittenOnce() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            var image = try layout.putImage([try tarLayer("a")])
            image.json["platform"] = platformJSON(amd64)
            var again = image
            again.editAnnotations { $0["org.example"] = "second" }
            try layout.tag(try layout.putIndex([image, again]))
            let manifests = try await convert(in: directory).index().manifests
            #expect(manifests[0].digest == manifests[1].digest)
            #expect(manifests[1].annotation("org.example") == "second")
        }
    }

    @Test func anImageWithoutALayerThatIsATarIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let chart = BuiltTestLayer(
                Array("chart".utf8), diffID: Digest(of: []),
                type: MediaType("application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
            try layout.tag(try layout.putImage([chart]))
            let error = await #expect(throws: (any Error).self) { try await convert(in: directory) }
            #expect((error as? any Failure)?.kind == .unsupported)
        }
    }

    @Test func aDryRunMovesNoBlob() async throws {
        try await withTemporaryDirectory { directory in
            _ = try multiPlatformImage(in: directory)
            let source = ImageLocation.layout(directory.appending("source"), tag: "latest")
            let destination = ImageLocation.layout(directory.appending("result"), tag: "latest")
            let transport = TransportOptions(
                temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
            var request = ConversionRequest(layers: LayerOptions(temporaryDirectory: directory, workers: 1))
            request.isDryRun = true
            let report = try await Converter(
                request, from: try source.openSource(transport),
                to: [Destination(destination, try destination.openDestination(transport))], events: { _ in }
            ).run()
            #expect(report.result == nil)
            #expect(report.layers.map(\.action) == [.convert, .convert, .convert])
            #expect(try !names(below: directory).contains("result"))
        }
    }

    /// Two platforms that share a layer, each with the attestation that BuildKit makes.
    private func multiPlatformImage(in directory: FilePath) throws -> ([Descriptor], [Digest]) {
        var layout = try LayoutBuilder(at: directory.appending("source"))
        var manifests: [Descriptor] = []
        var images: [Digest] = []
        for (platform, name) in [(amd64, "amd64"), (armV7, "arm")] {
            var image = try layout.putImage([try tarLayer("shared"), try tarLayer(name)], platform: platform)
            image.json["platform"] = platformJSON(platform)
            let statement = BuiltTestLayer(
                Array(#"{"for":"\#(name)"}"#.utf8), diffID: Digest(of: Array(name.utf8)),
                type: MediaType("application/vnd.in-toto+json"))
            var attestation = try layout.putImage([statement])
            attestation.json["platform"] = platformJSON(Platform(os: "unknown", architecture: "unknown"))
            attestation.editAnnotations { annotations in
                annotations[Annotation.referenceType] = "attestation-manifest"
                annotations[Annotation.attestedDigest] = .string(image.digest.description)
            }
            manifests += [image, attestation]
            images.append(image.digest)
        }
        try layout.tag(try layout.putIndex(manifests))
        return (manifests, images)
    }

    private func platformJSON(_ platform: Platform) -> JSON {
        var json = JSON.object(JSON.Object())
        json["architecture"] = .string(platform.architecture)
        json["os"] = .string(platform.os)
        json["variant"] = platform.variant.map(JSON.string)
        return json
    }

    private func tarLayer(_ name: String) throws -> BuiltTestLayer {
        try BuiltTestLayer(gzip: tar([(name, "content of \(name)")]))
    }

    private func tar(_ files: [(name: String, content: String)]) -> [UInt8] {
        files.flatMap { file in
            let bytes = Array(file.content.utf8)
            let entry = TarEntry(name: file.name, kind: .regular(size: Int64(bytes.count)), header: .literal([]))
            return entry.encodedHeader() + bytes + [UInt8](repeating: 0, count: Int(Int64(bytes.count).tarPadding))
        } + [UInt8](repeating: 0, count: 1024)
    }
}

/// The image that a conversion left in a layout.
private struct ConvertedImage {
    let report: ConversionReport
    let layout: FilePath
    let root: Descriptor

    func blob(_ digest: Digest) throws -> [UInt8] {
        try FileSlice(opening: layout.appending("blobs").appending("sha256").appending(digest.hex)).bytes()
    }

    func index() throws -> Index { try Index(try Document(parsing: try blob(root.digest)), as: root.mediaType) }

    func manifest(_ descriptor: Descriptor? = nil) throws -> Manifest {
        try Manifest(
            try Document(parsing: try blob((descriptor ?? root).digest)), as: (descriptor ?? root).mediaType)
    }

    func configuration() throws -> Document {
        try Document(parsing: try blob(try manifest().configuration.digest))
    }
}

@discardableResult
private func convert(
    in directory: FilePath, to name: String = "result", _ edit: (inout ConversionRequest) -> Void = { _ in }
) async throws -> ConvertedImage {
    let source = ImageLocation.layout(directory.appending("source"), tag: "latest")
    let destination = ImageLocation.layout(directory.appending(name), tag: "latest")
    let transport = TransportOptions(temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
    var request = ConversionRequest(layers: LayerOptions(temporaryDirectory: directory, workers: 2))
    edit(&request)
    let report = try await Converter(
        request, from: try source.openSource(transport),
        to: [Destination(destination, try destination.openDestination(transport))], events: { _ in }
    ).run()
    for delivery in report.deliveries { if let failure = delivery.failure { throw failure } }
    return ConvertedImage(
        report: report, layout: directory.appending(name), root: try #require(report.result))
}
