import Content
import OCI
import SystemPackage
import TestSupport

/// A layer of a test image: what lies in the layout, and what the documents say of it.
struct TinyLayer {
    var blob: [UInt8]
    var descriptor: Descriptor
    var diffID: Digest

    init(_ tar: [UInt8]) throws {
        blob = try compressed(tar)
        descriptor = Descriptor(mediaType: .ociLayerGzip, digest: Digest(of: blob), size: Int64(blob.count))
        diffID = Digest(of: tar)
    }

    init(_ tar: TinyTar) throws {
        try self.init(tar.finished)
    }
}

/// An OCI layout written file by file, so that it may be as wrong as a test needs it.
struct TinyLayout {
    let path: FilePath
    private var entries: [JSON] = []

    init(at path: FilePath) throws {
        self.path = path
        try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: path.appending("oci-layout"))
    }

    /// Adds a manifest with its blobs; `edit` changes it before it gets its digest.
    @discardableResult
    mutating func add(
        _ layers: [TinyLayer], tag: String? = "latest", platform: Platform? = nil, command: [String] = [],
        _ edit: (inout JSON) -> Void = { _ in }
    ) throws -> Descriptor {
        let manifest = try put(layers, platform: platform, command: command, edit)
        try name(manifest, tag)
        return manifest
    }

    /// Adds an index over one manifest for each platform, in their order.
    @discardableResult
    mutating func addIndex(_ platforms: [(Platform, [TinyLayer])], tag: String = "latest") throws -> Descriptor {
        let manifests = try platforms.map { platform, layers in
            var descriptor = try put(layers, platform: platform)
            descriptor.json["platform"] = platform.json
            return descriptor.json
        }
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["mediaType"] = .string(MediaType.ociIndex.text)
        root["manifests"] = .array(manifests)
        let index = try put(Document(root), .ociIndex)
        try name(index, tag)
        return index
    }

    func put(_ document: Document, _ type: MediaType) throws -> Descriptor {
        let descriptor = document.descriptor(type)
        try write(document.bytes, to: blob(descriptor.digest))
        return descriptor
    }

    func blob(_ digest: Digest) -> FilePath {
        path.appending("blobs").appending(digest.algorithm.rawValue).appending(digest.hex)
    }

    /// Writes `index.json` anew with one more entry.
    mutating func name(_ descriptor: Descriptor, _ tag: String?) throws {
        var entry = descriptor
        entry.editAnnotations { $0[Annotation.referenceName] = tag.map(JSON.string) }
        entries.append(entry.json)
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["manifests"] = .array(entries)
        try write(root.text, to: path.appending("index.json"))
    }

    private func put(
        _ layers: [TinyLayer], platform: Platform?, command: [String] = [], _ edit: (inout JSON) -> Void = { _ in }
    ) throws -> Descriptor {
        var configuration = (platform ?? Platform(os: "linux", architecture: "amd64")).json
        configuration["rootfs"] = .object(JSON.Object())
        configuration["rootfs"]?["type"] = .string("layers")
        configuration["rootfs"]?["diff_ids"] = .array(layers.map { .string($0.diffID.description) })
        if !command.isEmpty {
            configuration["config"] = .object(JSON.Object())
            configuration["config"]?["Cmd"] = .array(command.map { .string($0) })
        }
        let config = try put(Document(configuration), .ociConfiguration)
        for layer in layers { try write(layer.blob, to: blob(layer.descriptor.digest)) }
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["mediaType"] = .string(MediaType.ociManifest.text)
        root["config"] = config.json
        root["layers"] = .array(layers.map(\.descriptor.json))
        edit(&root)
        return try put(Document(root), .ociManifest)
    }
}

extension Platform {
    /// As it stands in a configuration or a descriptor.
    fileprivate var json: JSON {
        var json = JSON.object(JSON.Object())
        json["architecture"] = .string(architecture)
        json["os"] = .string(os)
        json["variant"] = variant.map(JSON.string)
        return json
    }
}
