import Content
import EStargz
import OCI
import SystemPackage

/// An OCI layout written file by file, so that it may be as wrong as a test needs it.
package struct LayoutBuilder: ~Copyable {
    package let path: FilePath
    private var entries: [JSON] = []

    package init(at path: FilePath) throws {
        self.path = path
        try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: path.appending("oci-layout"))
    }

    /// Writes a blob as it is.
    @discardableResult
    package func put(_ bytes: [UInt8], _ type: MediaType) throws -> Descriptor {
        let descriptor = Descriptor(mediaType: type, digest: Digest(of: bytes), size: Int64(bytes.count))
        try write(bytes, to: blob(descriptor.digest))
        return descriptor
    }

    package func put(_ text: String, _ type: MediaType) throws -> Descriptor {
        try put(Array(text.utf8), type)
    }

    /// Writes the configuration and manifest of an image over layers that are there.
    ///
    /// `edit` changes the manifest before it gets its digest.
    package func putImage(
        _ layers: [BuiltTestLayer], platform: Platform = Platform(os: "linux", architecture: "amd64"),
        docker: Bool = false,
        _ edit: (inout JSON) -> Void = { _ in }
    ) throws -> Descriptor {
        let diffIDs = layers.map { #""\#($0.diffID)""# }.joined(separator: ",")
        let variant = platform.variant.map { #","variant":"\#($0)""# } ?? ""
        let configuration = try put(
            #"{"architecture":"\#(platform.architecture)","os":"\#(platform.os)"\#(variant),"unknown":[1.50,{"z":1,"a":2}],"#
                + #""rootfs":{"type":"layers","diff_ids":[\#(diffIDs)]},"history":[{"created_by":"<test>"}]}"#,
            docker ? .dockerConfiguration : .ociConfiguration)
        for layer in layers where !layer.blob.isEmpty { try write(layer.blob, to: blob(layer.descriptor.digest)) }
        let type: MediaType = docker ? .dockerManifest : .ociManifest
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["mediaType"] = .string(type.text)
        root["config"] = configuration.json
        root["layers"] = .array(layers.map(\.descriptor.json))
        edit(&root)
        return try put(root.text, type)
    }

    /// Writes an index over descriptors that are there.
    package func putIndex(_ manifests: [Descriptor], docker: Bool = false) throws -> Descriptor {
        let type: MediaType = docker ? .dockerIndex : .ociIndex
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["mediaType"] = .string(type.text)
        root["manifests"] = .array(manifests.map(\.json))
        root["annotations"] = .object(JSON.Object())
        root["annotations"]?["kept"] = "yes"
        return try put(root.text, type)
    }

    /// Gives a manifest or index a name.
    package mutating func tag(_ descriptor: Descriptor, as tag: String = "latest") throws {
        var entry = descriptor
        entry.editAnnotations { $0[Annotation.referenceName] = .string(tag) }
        entries.append(entry.json)
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["manifests"] = .array(entries)
        try write(root.text, to: path.appending("index.json"))
    }

    package func blob(_ digest: Digest) -> FilePath {
        path.appending("blobs").appending(digest.algorithm.rawValue).appending(digest.hex)
    }
}

/// A layer of a test image: its blob, and what the documents say of it.
package struct BuiltTestLayer: Sendable {
    /// Empty for blobs that are not there.
    package var blob: [UInt8]
    package var descriptor: Descriptor
    package var diffID: Digest

    package init(_ blob: [UInt8], diffID: Digest, type: MediaType) {
        self.blob = blob
        self.diffID = diffID
        descriptor = Descriptor(mediaType: type, digest: Digest(of: blob), size: Int64(blob.count))
    }

    /// A tar as one gzip member.
    package init(gzip tar: [UInt8], type: MediaType = .ociLayerGzip) throws {
        self.init(try compressed(tar), diffID: Digest(of: tar), type: type)
    }

    /// A tar that is not compressed.
    package init(plain tar: [UInt8]) {
        self.init(tar, diffID: Digest(of: tar), type: MediaType("application/vnd.oci.image.layer.v1.tar"))
    }
}

/// One gzip member with these bytes.
package func compressed(_ bytes: [UInt8]) throws -> [UInt8] {
    let compressor = try GzipCompressor(level: .default)
    return try [UInt8](unsafeUninitializedCapacity: compressor.bound(bytes.count)) { buffer, filled in
        filled = try bytes.withUnsafeBytes {
            try compressor.compress($0, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
