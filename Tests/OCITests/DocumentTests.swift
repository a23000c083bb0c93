import Content
import OCI
import TestSupport
import Testing

struct DocumentTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)
    private static let other = "sha256:" + String(repeating: "cd", count: 32)
    private static let descriptor = #"{"mediaType":"m/t","digest":"\#(digest)","size":5}"#

    private func document(_ text: String) throws -> Document { try Document(parsing: Array(text.utf8)) }
    private func text(_ document: Document) -> String { String(decoding: document.bytes, as: UTF8.self) }
    private func json(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

    @Test func anEditThatChangesNothingKeepsEveryByte() throws {
        let original = "{\n  \"b\" : 1.0,\n  \"a\" : \"\\u0041\"\n}\n"
        let edited = try document(original).editing { $0["a"] = "A" }
        #expect(text(edited) == original)
        #expect(edited.digest == Digest(of: Array(original.utf8)))
    }

    @Test func anotherSpellingOfAnAccentIsAChange() throws {
        let edited = try document(#"{"a":"e\u0301"}"#).editing { $0["a"] = "\u{e9}" }
        #expect(Array(edited.bytes) == Array("{\"a\":\"\u{e9}\"}".utf8))
    }

    @Test func anEditKeepsOrderAndWhatIsUnknown() throws {
        let edited = try document("{\n  \"b\" : 1.0,\n  \"unknown\": [ {} ], \"a\" : 1\n}").editing { $0["b"] = "x" }
        #expect(text(edited) == #"{"b":"x","unknown":[{}],"a":1}"#)
    }

    @Test(arguments: ["[]", "1", "null", "\"x\"", "{", ""])
    func aDocumentIsAnObject(bytes: String) async {
        #expect(await failureKind { try document(bytes) } == .invalid)
    }

    @Test(arguments: [
        #"{"mediaType":"m/t","digest":"\#(digest)","size":0}"#,
        #"{"mediaType":"m/t","digest":"\#(digest)","size":9223372036854775807,"urls":["x"],"data":"e30="}"#,
    ])
    func descriptorsAreRead(text: String) throws {
        let descriptor = try Descriptor(json(text))
        #expect(descriptor.digest.description == Self.digest)
        #expect(String(decoding: descriptor.json.text, as: UTF8.self) == text)
    }

    @Test(arguments: [
        "{}", "[]", #"{"digest":"\#(digest)","size":1}"#, #"{"mediaType":"","digest":"\#(digest)","size":1}"#,
        #"{"mediaType":"m/t","size":1}"#, #"{"mediaType":"m/t","digest":"\#(digest)"}"#,
        #"{"mediaType":"m/t","digest":"\#(digest)","size":-1}"#,
        #"{"mediaType":"m/t","digest":"\#(digest)","size":1.5}"#,
        #"{"mediaType":"m/t","digest":"\#(digest)","size":"1"}"#,
        #"{"mediaType":"m/t","digest":"sha256:../x","size":1}"#,
        #"{"mediaType":"m/t","digest":"\#(digest)","size":9223372036854775808}"#,
    ])
    func aDescriptorIsWholeOrRefused(text: String) async {
        #expect(await failureKind { try Descriptor(json(text)) } == .invalid)
    }

    @Test func replacingKeepsAnnotationsAndDropsTheEmbeddedContent() throws {
        let old = try Descriptor(
            json(
                #"{"size":5,"mediaType":"m/t","digest":"\#(Self.digest)","data":"e30=","annotations":{"k":"v"},"x":1}"#)
        )
        var new = old.replacing(
            mediaType: .ociLayerGzip, digest: try Digest(parsing: Self.other), size: 7)
        new.editAnnotations { $0["new"] = "1" }
        #expect(
            String(decoding: new.json.text, as: UTF8.self)
                == #"{"size":7,"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\#(Self.other)","#
                + #""annotations":{"k":"v","new":"1"},"x":1}"#)
    }

    @Test func anEmptySetOfAnnotationsIsLeftOut() throws {
        var descriptor = try Descriptor(json(Self.descriptor))
        descriptor.editAnnotations { $0["k"] = "v" }
        #expect(descriptor.annotation("k") == "v")
        descriptor.editAnnotations { $0["k"] = nil }
        #expect(String(decoding: descriptor.json.text, as: UTF8.self) == Self.descriptor)
    }

    @Test(arguments: [
        ("containerd.io/snapshot/stargz/toc.digest", true), ("io.containers.estargz.uncompressed-size", true),
        ("io.github.containers.zstd-chunked.manifest-checksum", true),
        ("io.containers.zstd-chunked.manifest-position", true),
        ("containerd.io/snapshot/stargz/layer.digest", true), ("org.opencontainers.image.title", false),
        ("com.example.zstd-chunked", false),
    ])
    func whatSpeaksOfTheOldBytesIsStale(key: String, isStale: Bool) {
        #expect(Annotation.isStaleAfterConversion(key) == isStale)
    }

    @Test func aManifestIsRead() throws {
        let manifest = try Manifest(
            document(#"{"config":\#(Self.descriptor),"layers":[\#(Self.descriptor),\#(Self.descriptor)]}"#),
            as: .ociManifest)
        #expect(manifest.layers.count == 2)
        #expect(!manifest.hasFilesystem)
    }

    @Test(arguments: [
        #"{"layers":[]}"#, #"{"config":\#(descriptor)}"#, #"{"config":\#(descriptor),"layers":{}}"#,
        #"{"config":\#(descriptor),"layers":[{}]}"#, #"{"config":5,"layers":[]}"#, #"{"config":null,"layers":null}"#,
    ])
    func aManifestThatIsNoneIsRefused(text: String) async {
        #expect(await failureKind { try Manifest(document(text), as: .ociManifest) } == .invalid)
    }

    @Test func aBadLayerIsNamed() throws {
        let text = #"{"config":\#(Self.descriptor),"layers":[\#(Self.descriptor),{"mediaType":"x"}]}"#
        #expect { try Manifest(document(text), as: .ociManifest) } throws: { "\($0)".hasPrefix("layer 2: ") }
    }

    @Test func attestationsOfAnIndexAreKnown() throws {
        let attestation =
            #"{"mediaType":"m/t","digest":"\#(Self.digest)","size":5,"annotations":{"vnd.docker.reference.type":"attestation-manifest"}}"#
        let index = try Index(document(#"{"manifests":[\#(Self.descriptor),\#(attestation)]}"#), as: .ociIndex)
        #expect(index.manifests.map(\.isAttestation) == [false, true])
    }

    @Test(arguments: ["{}", #"{"manifests":{}}"#, #"{"manifests":[1]}"#])
    func anIndexThatIsNoneIsRefused(text: String) async {
        #expect(await failureKind { try Index(document(text), as: .ociIndex) } == .invalid)
    }

    @Test func diffIDsAreReplacedByPositionAndTheRestStays() throws {
        let configuration = try ImageConfiguration(
            document(
                #"{"z":1,"rootfs":{"x":2,"diff_ids":["\#(Self.digest)","\#(Self.digest)"],"type":"layers"},"os":"linux"}"#
            ))
        let (first, second) = (try Digest(parsing: Self.digest), try Digest(parsing: Self.other))
        #expect(
            text(configuration.replacing(diffIDs: [first, second]))
                == #"{"z":1,"rootfs":{"x":2,"diff_ids":["\#(Self.digest)","\#(Self.other)"],"type":"layers"},"os":"linux"}"#
        )
        #expect(configuration.replacing(diffIDs: [first, first]) == configuration.document)
    }

    @Test(arguments: ["{}", #"{"rootfs":{}}"#, #"{"rootfs":{"diff_ids":[1]}}"#, #"{"rootfs":{"diff_ids":["x"]}}"#])
    func aConfigurationThatIsNoneIsRefused(text: String) async {
        #expect(await failureKind { try ImageConfiguration(document(text)) } == .invalid)
    }

    @Test(arguments: [
        ("application/vnd.oci.image.layer.v1.tar", LayerKind.tar, "application/vnd.oci.image.layer.v1.tar"),
        ("application/vnd.oci.image.layer.v1.tar+gzip", .tar, "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", .tar, "application/vnd.oci.image.layer.v1.tar+zstd"),
        ("application/vnd.docker.image.rootfs.diff.tar", .tar, "application/vnd.oci.image.layer.v1.tar"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", .tar, "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", .tar, "application/vnd.oci.image.layer.v1.tar+zstd"),
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", .foreign,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        ),
        (
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", .foreign,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
        ),
        ("application/vnd.in-toto+json", .other, "application/vnd.in-toto+json"),
        (
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip", .other,
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
        ),
        ("application/vnd.docker.container.image.v1+json", .other, "application/vnd.oci.image.config.v1+json"),
        ("application/vnd.docker.distribution.manifest.v2+json", .other, "application/vnd.oci.image.manifest.v1+json"),
        (
            "application/vnd.docker.distribution.manifest.list.v2+json", .other,
            "application/vnd.oci.image.index.v1+json"
        ),
    ])
    func mediaTypesSayWhatALayerIs(text: String, kind: LayerKind, oci: String) {
        #expect(MediaType(text).layerKind == kind)
        #expect(MediaType(text).asOCI.text == oci)
    }
}
