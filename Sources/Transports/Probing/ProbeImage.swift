import Archive
import Content
import OCI

/// What a probe pushes: an image of two small layers, whose bytes are the same each time, so that a registry that
/// deletes nothing is left with one copy.
struct ProbeImage {
    struct Blob {
        let descriptor: Descriptor
        let bytes: [UInt8]

        init(_ bytes: [UInt8], as type: MediaType) {
            self.bytes = bytes
            descriptor = Descriptor(mediaType: type, digest: Digest(of: bytes), size: Int64(bytes.count))
        }
    }

    /// What makes a layer lazy, which has to come back.
    static let annotations = [
        (Annotation.tocDigest, Digest(of: Array("esgz probe".utf8)).description), (Annotation.uncompressedSize, "1024"),
    ]

    /// Uncompressed, and large enough for a few of the ranges that the snapshotter reads.
    let layers: [Blob]

    init() {
        layers = ["first", "second"].map { name in
            // Noise, so that bytes from another place are not taken for the right ones.
            var state = UInt64(name.utf8.count)
            let noise = (0..<250_000).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
            var entry = TarEntry(
                name: "esgz-probe-\(name)", kind: .regular(size: Int64(noise.count)), header: .literal([]))
            entry.mode = 0o644
            let end = [UInt8](repeating: 0, count: Int(Int64(noise.count).tarPadding) + 1024)
            return Blob(entry.encodedHeader() + noise + end, as: .ociLayer)
        }
    }

    /// The configuration of an image of these layers.
    func configuration(_ layers: [Blob]) -> Blob {
        let root = JSON.object([
            ("architecture", "amd64"), ("os", "linux"), ("config", .object([])),
            (
                "rootfs",
                .object([
                    ("type", "layers"),
                    ("diff_ids", .array(layers.map { .string($0.descriptor.digest.description) })),
                ])
            ),
        ])
        return Blob(root.text, as: .ociConfiguration)
    }

    /// The manifest of an image of these layers, annotated as if they were lazy.
    func manifest(_ layers: [Blob], _ configuration: Blob) -> Document {
        Document(
            .object([
                ("schemaVersion", .integer(2)), ("mediaType", .string(MediaType.ociManifest.text)),
                ("config", configuration.descriptor.json),
                (
                    "layers",
                    .array(
                        layers.map { layer in
                            var descriptor = layer.descriptor
                            descriptor.editAnnotations { annotations in
                                for (key, value) in Self.annotations { annotations[key] = .string(value) }
                            }
                            return descriptor.json
                        })
                ),
            ]))
    }

    func index(_ manifest: Descriptor) -> Document {
        var manifest = manifest
        manifest.json["platform"] = .object([("architecture", "amd64"), ("os", "linux")])
        return Self.index(of: manifest)
    }

    /// Something that refers to the image, as a signature does.
    func referrer(to subject: Descriptor, _ layer: Blob, _ configuration: Blob) -> Document {
        Document(
            .object([
                ("schemaVersion", .integer(2)), ("mediaType", .string(MediaType.ociManifest.text)),
                ("artifactType", .string(Self.artifactType)), ("config", configuration.descriptor.json),
                ("layers", .array([layer.descriptor.json])), ("subject", subject.json),
            ]))
    }

    /// What registries without referrers are given under a tag (OCI distribution specification, "Referrers Tag Schema").
    func list(of referrer: Descriptor) -> Document {
        var referrer = referrer
        referrer.json["artifactType"] = .string(Self.artifactType)
        return Self.index(of: referrer)
    }

    private static let artifactType = "application/vnd.esgz.probe"

    private static func index(of manifest: Descriptor) -> Document {
        Document(
            .object([
                ("schemaVersion", .integer(2)), ("mediaType", .string(MediaType.ociIndex.text)),
                ("manifests", .array([manifest.json])),
            ]))
    }
}

extension JSON {
    fileprivate static func object(_ members: [(String, JSON)]) -> JSON {
        var object = JSON.Object()
        for (key, value) in members { object[key] = value }
        return .object(object)
    }
}
