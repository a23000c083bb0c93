import Content
import Conversion
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// What `esgz copy` carries from place to place.
struct CopyTests {
    private static let amd64 = Platform(os: "linux", architecture: "amd64")
    private static let arm64 = Platform(os: "linux", architecture: "arm64")

    @Test func everyByteAndEveryDigestStaysWithAllPlatformsAndAttestations() async throws {
        try await withCopy { place in
            let index = try place.addIndex()
            let report = try await place.copy()
            #expect(report.result?.digest == index.digest)
            #expect(try place.named("result") == [index.digest])
            #expect(try place.differences() == [])
        }
    }

    @Test func aSingleImageKeepsDockersTypes() async throws {
        try await withCopy { place in
            let image = try place.layout.putImage([try layer("a")], docker: true)
            try place.layout.tag(image)
            #expect(try await place.copy().result?.mediaType == .dockerManifest)
            #expect(try place.differences() == [])
        }
    }

    @Test func artifactsAreCopiedToo() async throws {
        try await withCopy { place in
            let chart = BuiltTestLayer(
                Array("chart".utf8), diffID: Digest(of: []),
                type: MediaType("application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
            try place.layout.tag(try place.layout.putImage([chart]))
            try await place.copy()
            #expect(try place.differences() == [])
        }
    }

    @Test func foreignLayersStayWhereTheyAre() async throws {
        try await withCopy { place in
            var foreign = try layer("foreign")
            foreign.blob = []
            foreign.descriptor = foreign.descriptor.replacing(
                mediaType: MediaType("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
                digest: foreign.descriptor.digest, size: foreign.descriptor.size)
            let image = try place.layout.putImage([foreign, try layer("own")])
            try place.layout.tag(image)
            let report = try await place.copy()
            #expect(report.result?.digest == image.digest)
            #expect(report.layers.map(\.action) == [.skip, .copy])
            #expect(try place.differences() == [])
        }
    }

    @Test func aBlobThatIsForeignInOnePlaceIsCopiedForAnother() async throws {
        try await withCopy { place in
            let built = try layer("a")
            var foreign = built
            foreign.descriptor = Descriptor(
                mediaType: MediaType("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
                digest: built.descriptor.digest, size: built.descriptor.size)
            try place.layout.tag(try place.layout.putImage([foreign, built]))
            try await place.copy()
            #expect(try place.differences() == [])
        }
    }

    @Test func blobsOfSeveralPlatformsMoveOnce() async throws {
        try await withCopy { place in
            let shared = try layer("shared")
            let children = try [Self.amd64, Self.arm64].map { platform in
                try place.layout.putImage([shared, try layer(platform.architecture)], platform: platform)
            }
            try place.layout.tag(try place.layout.putIndex(children))
            let report = try await place.copy()
            #expect(report.layers.map(\.source.digest).filter { $0 == shared.descriptor.digest }.count == 1)
            #expect(report.layers.count == 3)
        }
    }

    @Test func whatIsThereAlreadyIsNotCopiedAgain() async throws {
        try await withCopy { place in
            try place.addIndex()
            try await place.copy()
            #expect(Set(try await place.copy().layers.map(\.action)) == [.exists])
        }
    }

    @Test func aHoleInTheDestinationIsFilled() async throws {
        try await withCopy { place in
            let image = try place.layout.putImage([try layer("a")])
            try place.layout.tag(image)
            let first = try await place.copy()
            let lost = try #require(first.layers.last?.source.digest)
            try remove(place.destination.appending("blobs/sha256").appending(lost.hex))
            #expect(try await place.copy().layers.map(\.action) == [.copy])
            #expect(try place.differences() == [])
        }
    }

    @Test func onePlatformIsCopiedWithoutItsIndex() async throws {
        try await withCopy { place in
            let index = try place.addIndex()
            let arm = try #require(
                try Index(try place.document(index), as: index.mediaType).manifests.first {
                    $0.platform == Self.arm64
                })
            let report = try await place.copy { $0.platforms = [Self.arm64] }
            #expect(report.result?.digest == arm.digest)
            #expect(try place.named("result") == [arm.digest])
        }
    }

    @Test func severalPlatformsKeepANarrowedIndexWithTheirAttestations() async throws {
        try await withCopy { place in
            let s390x = Platform(os: "linux", architecture: "s390x")
            let index = try place.addIndex(besides: s390x)
            let report = try await place.copy { $0.platforms = [Self.amd64, Self.arm64] }
            let result = try #require(report.result)
            #expect(result.digest != index.digest)
            let before = try Index(try place.document(index), as: .ociIndex).manifests
            let after = try Index(
                try Document(parsing: try place.bytes(result.digest, in: place.destination)), as: .ociIndex
            ).manifests
            #expect(after.map(\.json) == before.filter { $0.platform != s390x }.map(\.json))
        }
    }

    @Test func platformsAreFoundInIndexesWithinAnother() async throws {
        try await withCopy { place in
            let platforms = [Self.amd64, Self.arm64, Platform(os: "linux", architecture: "s390x")]
            let images = try platforms.map { try place.addImage(for: $0) }
            let inner = try [Array(images[..<2]), Array(images[2...])].map { try place.layout.putIndex($0) }
            try place.layout.tag(try place.layout.putIndex(inner))
            // One alone is its manifest.
            #expect(try await place.copy { $0.platforms = [Self.arm64] }.result?.digest == images[1].digest)
            // Of several, indexes are left that have something of them.
            let result = try #require(try await place.copy { $0.platforms = [Self.arm64, platforms[2]] }.result)
            let children = try place.children(of: result.digest)
            #expect(children.map(\.digest) != inner.map(\.digest))
            #expect(
                try children.map { try place.children(of: $0.digest).map(\.digest) } == [
                    [images[1].digest], [images[2].digest],
                ])
            let all = try #require(try await place.copy { $0.platforms = Array(platforms[..<2]) }.result)
            #expect(try place.children(of: all.digest).map(\.digest) == [inner[0].digest])
        }
    }

    @Test func allPlatformsThatWereAskedForHaveToBeThere() async throws {
        try await withCopy { place in
            try place.addIndex()
            let failure = await #expect(throws: ImageTreeFailure.self) {
                try await place.copy { $0.platforms = [Self.amd64, Platform(os: "linux", architecture: "mips")] }
            }
            #expect(failure?.kind == .notFound)
            #expect(failure?.description == "no manifest for linux/mips; there are: linux/amd64, linux/arm64")
            #expect(try place.named("result") == [])
        }
    }

    @Test(arguments: [true, false])
    func aPlatformThatIsNotThereIsAnError(ofAnIndex: Bool) async throws {
        try await withCopy { place in
            if ofAnIndex {
                try place.addIndex()
            } else {
                try place.layout.tag(try place.layout.putImage([try layer("a")]))
            }
            let failure = await #expect(throws: ImageTreeFailure.self) {
                try await place.copy { $0.platforms = [Platform(os: "linux", architecture: "mips")] }
            }
            #expect(failure?.kind == .notFound)
            #expect(try place.named("result") == [])
        }
    }

    @Test func aManifestThatTheSourceLacksNamesTheRemedy() async throws {
        try await withCopy { place in
            let index = try place.addIndex()
            let arm = try #require(
                try Index(try place.document(index), as: index.mediaType).manifests.first {
                    $0.platform == Self.arm64
                })
            try remove(place.layout.blob(arm.digest))
            let failure = await #expect(throws: ContextualFailure.self) { try await place.copy() }
            #expect(failure?.kind == .notFound)
            #expect(failure?.description.contains("--platform") == true)
            let report = try await place.copy { $0.platforms = [Self.amd64] }
            #expect(report.deliveries.allSatisfy { $0.failure == nil })
        }
    }

    @Test func aBlobThatTheSourceLacksNamesTheRemedyUnlessTheDestinationHasIt() async throws {
        try await withCopy { place in
            let built = try layer("a")
            try place.layout.tag(try place.layout.putImage([built]))
            try remove(place.layout.blob(built.descriptor.digest))
            let failure = await #expect(throws: ContextualFailure.self) { try await place.copy() }
            #expect(failure?.kind == .notFound)
            #expect(failure?.description.contains("--platform") == true)
            try write(built.blob, to: place.destination.appending("blobs/sha256/\(built.descriptor.digest.hex)"))
            try await place.copy()
        }
    }

    @Test func aBlobThatIsNotWhatItsNameSaysIsNotPublished() async throws {
        try await withCopy { place in
            let built = try layer("a")
            try place.layout.tag(try place.layout.putImage([built]))
            try write(built.blob.map { $0 ^ 1 }, to: place.layout.blob(built.descriptor.digest))
            await #expect(throws: ContextualFailure.self) { try await place.copy() }
            #expect(try place.named("result") == [])
        }
    }

    @Test func schema1IsRefused() async throws {
        try await withCopy { place in
            let manifest = try place.layout.put(#"{"schemaVersion":1,"fsLayers":[]}"#, .dockerSchema1Signed)
            try place.layout.tag(manifest)
            let failure = await #expect(throws: DocumentFailure.self) { try await place.copy() }
            #expect(failure?.kind == .unsupported)
        }
    }

    @Test func anotherImageIsNotReplacedWhenThatWasAskedFor() async throws {
        try await withCopy { place in
            let first = try place.layout.putImage([try layer("a")])
            try place.layout.tag(first)
            try await place.copy { $0.refusesToReplace = true }
            // The same image again is no change.
            try await place.copy { $0.refusesToReplace = true }
            try place.layout.tag(try place.layout.putImage([try layer("b")]), as: "other")
            let failure = await #expect(throws: ContextualFailure.self) {
                try await place.copy("other") { $0.refusesToReplace = true }
            }
            #expect(failure?.kind == .limit)
            #expect(try place.named("result") == [first.digest])
        }
    }

    @Test func pushingWhatIsThereAlreadyTakesTwoRequests() async throws {
        try await withCopy { place in
            let index = try place.addIndex()
            let found = ["Docker-Content-Digest": "\(index.digest)"]
            let rows = [
                Exchange("HEAD /v2/app/manifests/\(index.digest)", 200, found) {
                    $0["accept"] == index.mediaType.text
                },
                Exchange("HEAD /v2/app/manifests/1", 200, found),
            ]
            try await withScript(rows) { server in
                let there = try ImageLocation(parsing: "127.0.0.1:\(server.port)/app:1")
                try await place.copy(to: there)
                #expect(server.deviations == [])
            }
        }
    }

    private func layer(_ content: String) throws -> BuiltTestLayer {
        try BuiltTestLayer(gzip: Array(content.utf8))
    }

    /// Runs `body` with a layout to fill and a place to copy it to.
    private func withCopy(_ body: (inout CopyPlace) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            var place = try CopyPlace(directory)
            try await body(&place)
        }
    }
}

/// A source layout, and a destination layout without anything in it.
private struct CopyPlace: ~Copyable {
    let directory: FilePath
    var layout: LayoutBuilder

    var destination: FilePath { directory.appending("destination") }

    init(_ directory: FilePath) throws {
        self.directory = directory
        layout = try LayoutBuilder(at: directory.appending("source"))
    }

    /// An image for two platforms or three, each with an attestation for the first.
    @discardableResult
    mutating func addIndex(besides third: Platform? = nil) throws -> Descriptor {
        let platforms = [Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm64")]
        var children = try (platforms + (third.map { [$0] } ?? [])).map { try addImage(for: $0) }
        let statement = BuiltTestLayer(
            Array("{}".utf8), diffID: Digest(of: []), type: MediaType("application/vnd.in-toto+json"))
        var attestation = try layout.putImage([statement], platform: Platform(os: "unknown", architecture: "unknown"))
        let subject = children[0].digest.description
        attestation.editAnnotations { annotations in
            annotations[Annotation.referenceType] = "attestation-manifest"
            annotations[Annotation.attestedDigest] = .string(subject)
        }
        children.append(attestation)
        let index = try layout.putIndex(children)
        try layout.tag(index)
        return index
    }

    /// An image that an index can name.
    func addImage(for platform: Platform) throws -> Descriptor {
        var image = try layout.putImage(
            [try BuiltTestLayer(gzip: Array(platform.architecture.utf8))], platform: platform)
        image.json["platform"] = .object(JSON.Object())
        image.json["platform"]?["architecture"] = .string(platform.architecture)
        image.json["platform"]?["os"] = .string(platform.os)
        return image
    }

    /// What an index at the destination names.
    func children(of index: Digest) throws -> [Descriptor] {
        try Index(Document(parsing: try bytes(index, in: destination)), as: .ociIndex).manifests
    }

    @discardableResult
    func copy(
        _ tag: String = "latest", to place: ImageLocation? = nil, _ edit: (inout CopyRequest) -> Void = { _ in }
    ) async throws -> ConversionReport {
        let transport = TransportOptions(temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
        var request = CopyRequest()
        edit(&request)
        let location = place ?? .layout(destination, tag: "result")
        let report = try await ImageCopy(
            request, from: try ImageLocation.layout(layout.path, tag: tag).openSource(transport),
            to: [Destination(location, try location.openDestination(transport))], events: { _ in }
        ).run()
        for delivery in report.deliveries { if let failure = delivery.failure { throw failure } }
        return report
    }

    func bytes(_ digest: Digest, in layout: FilePath) throws -> [UInt8] {
        try FileSlice(opening: layout.appending("blobs").appending("sha256").appending(digest.hex)).bytes()
    }

    func document(_ descriptor: Descriptor) throws -> Document {
        try Document(parsing: try bytes(descriptor.digest, in: layout.path))
    }

    /// What a name of the destination stands for.
    func named(_ tag: String) throws -> [Digest] {
        let path = destination.appending("index.json")
        guard try names(below: directory).contains("destination/index.json") else { return [] }
        return try Index(Document(parsing: try FileSlice(opening: path).bytes()), as: .ociIndex).manifests
            .filter { $0.annotation(Annotation.referenceName) == tag }.map(\.digest)
    }

    /// Names of blobs that are in one of the two places alone, or differ.
    func differences() throws -> [String] {
        let here = try blobs(in: layout.path)
        let there = try blobs(in: destination)
        return Set(here.keys).union(there.keys).filter { here[$0] != there[$0] }.sorted()
    }

    private func blobs(in layout: FilePath) throws -> [String: [UInt8]] {
        let directory = layout.appending("blobs/sha256")
        return try names(below: directory).reduce(into: [:]) { blobs, name in
            blobs[name] = try FileSlice(opening: directory.appending(name)).bytes()
        }
    }
}
