import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// A small image, and the members that it is in the archives of all kinds.
struct ArchivedTestImage {
    let layers: [BuiltTestLayer]
    let configuration: Document
    let manifest: Document

    init(_ text: String = "one", packing: Layer.Packing = .plain, platform: String = "amd64") throws {
        layers = try ["etc/motd", "etc/issue"].map { name in
            let tar = Tar { file(name, text) }.bytes
            let type: MediaType =
                switch packing {
                case .plain: .ociLayer
                case .gzip, .gzipMembers: .ociLayerGzip
                case .zstd, .zstdSkippable: .ociLayerZstd
                }
            return BuiltTestLayer(try packing.pack(tar), diffID: Digest(of: tar), type: type)
        }
        let diffIDs = layers.map { #""\#($0.diffID)""# }.joined(separator: ",")
        configuration = try Document(
            parsing: Array(
                #"{"architecture":"\#(platform)","os":"linux", "rootfs":{"type":"layers","diff_ids":[\#(diffIDs)]}}"#
                    .utf8))
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["mediaType"] = .string(MediaType.ociManifest.text)
        root["config"] = configuration.descriptor(.ociConfiguration).json
        root["layers"] = .array(layers.map(\.descriptor.json))
        manifest = Document(root)
    }

    var descriptor: Descriptor { manifest.descriptor(.ociManifest) }

    /// The blobs of an OCI layout.
    var blobs: [TarItem] {
        [blobMember(manifest.bytes), blobMember(configuration.bytes)] + layers.map { blobMember($0.blob) }
    }

    /// An entry of `index.json` with these annotations.
    func entry(_ annotations: KeyValuePairs<String, String> = [:]) -> JSON {
        var entry = descriptor
        entry.editAnnotations { object in for (key, value) in annotations { object[key] = .string(value) } }
        return entry.json
    }

    /// As docker names an image that it saves.
    func entry(named name: String) -> JSON {
        entry([Annotation.imageName: "docker.io/library/\(name)", Annotation.referenceName: "latest"])
    }

    /// The members that docker wrote before version 25: the second layer is a link, since others may have it too.
    var legacyMembers: [TarItem] {
        [
            file("\(configuration.digest.hex).json", configuration.bytes), directory("first"),
            file("first/VERSION", "1.0"), file("first/json", "{}"), file("first/layer.tar", layers[0].blob),
            directory("shared\(layers[1].descriptor.digest.short)"),
            file("shared\(layers[1].descriptor.digest.short)/layer.tar", layers[1].blob),
            symlink("\(name)/layer.tar", to: "../shared\(layers[1].descriptor.digest.short)/layer.tar"),
        ]
    }

    private var name: String { "second\(layers[1].descriptor.digest.short)" }

    /// An entry of `manifest.json` for the members that docker wrote before version 25.
    func legacyEntry(_ tags: [String]?) -> JSON {
        dockerEntry(
            "\(configuration.digest.hex).json", ["first/layer.tar", "\(name)/layer.tar"], tags)
    }

    /// An entry of `manifest.json` for the members that docker writes since version 25.
    func modernEntry(_ tags: [String]?) -> JSON {
        dockerEntry(
            "blobs/sha256/\(configuration.digest.hex)",
            layers.map { "blobs/sha256/\($0.descriptor.digest.hex)" }, tags)
    }

    /// Expects all of the image, its manifest perhaps under another name.
    func expectEqual(in source: any ImageSource, manifestIsKept: Bool = true) async throws {
        let root = try await source.resolve()
        if manifestIsKept { #expect(root.digest == descriptor.digest) }
        let found = try Manifest(try await source.document(root), as: root.mediaType)
        #expect(try await source.document(found.configuration) == configuration)
        #expect(found.layers.map(\.digest) == layers.map(\.descriptor.digest))
        #expect(found.layers.map(\.mediaType) == layers.map(\.descriptor.mediaType))
        for (descriptor, layer) in zip(found.layers, layers) {
            let bytes = try await source.withBlob(descriptor, progress: { _ in }) { blob in
                try blob.allBytes(descriptor.size)
            }
            #expect(bytes == layer.blob)
        }
    }

    func push(to place: any ImageDestination, as root: Descriptor? = nil, layersReversed: Bool = false) async throws {
        for layer in layersReversed ? layers.reversed() : layers {
            try await place.put(layer.blob, as: layer.descriptor) { _ in }
        }
        try await place.put(configuration, as: configuration.descriptor(.ociConfiguration)) { _ in }
        try await place.publish(manifest, as: root ?? descriptor)
    }
}

func blobMember(_ bytes: [UInt8]) -> TarItem { file("blobs/sha256/\(Digest(of: bytes).hex)", bytes) }

func layoutMembers(_ entries: [JSON]) -> [TarItem] {
    var index = JSON.object(JSON.Object())
    index["schemaVersion"] = .integer(2)
    index["manifests"] = .array(entries)
    return [file("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#), file("index.json", index.text)]
}

func dockerManifest(_ entries: [JSON]) -> TarItem { file("manifest.json", JSON.array(entries).text) }

func dockerEntry(_ configuration: String, _ layers: [String], _ tags: [String]?) -> JSON {
    var entry = JSON.object(JSON.Object())
    entry["Config"] = .string(configuration)
    entry["RepoTags"] = tags.map { .array($0.map(JSON.string)) } ?? .null
    entry["Layers"] = .array(layers.map(JSON.string))
    return entry
}

/// A place of this file, as it is typed.
func open(_ text: String, in directory: FilePath) throws -> any ImageSource {
    try ImageLocation(parsing: text).openSource(options(in: directory))
}

func options(in directory: FilePath) -> TransportOptions {
    TransportOptions(temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
}
