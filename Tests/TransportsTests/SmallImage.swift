import Content
import OCI
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Transports

/// An image with one layer, whose bytes mean nothing.
struct SmallImage {
    let content: FileSlice
    let layer: Descriptor
    let configuration: Document
    let document: Document
    let manifest: Descriptor

    init(in directory: FilePath, layerSize: Int = 700_000, seed: UInt8 = 1) throws {
        let bytes = (0..<layerSize).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) &+ seed }
        let path = directory.appending("layer-\(seed)")
        try write(bytes, to: path)
        content = try FileSlice(opening: path)
        layer = Descriptor(mediaType: .ociLayerGzip, digest: Digest(of: bytes), size: Int64(layerSize))
        configuration = try Document(parsing: Array(#"{"architecture":"amd64","os":"linux"}"#.utf8))
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["mediaType"] = .string(MediaType.ociManifest.text)
        root["config"] = configuration.descriptor(.ociConfiguration).json
        root["layers"] = .array([layer.json])
        document = Document(root)
        manifest = document.descriptor(.ociManifest)
    }

    func push(to destination: any ImageDestination) async throws {
        let sent = Mutex<Int>(0)
        if try await !destination.contains(layer, mountingFrom: nil) {
            try await destination.put(content, as: layer) { count in sent.withLock { $0 += count } }
            #expect(sent.withLock { Int64($0) } == layer.size)
        }
        let configuration = configuration
        try await withTemporaryDirectory { directory in
            try write(configuration.bytes, to: directory.appending("config"))
            try await destination.put(
                try FileSlice(opening: directory.appending("config")),
                as: configuration.descriptor(.ociConfiguration), progress: { _ in })
        }
        try await destination.put(manifest: document, as: manifest)
        try await destination.publish(document, as: manifest)
    }

    func expectEqual(in source: any ImageSource) async throws {
        let root = try await source.resolve()
        #expect(root.digest == manifest.digest)
        #expect(root.mediaType == manifest.mediaType)
        let found = try Manifest(try await source.document(root), as: root.mediaType)
        #expect(found.document.bytes == document.bytes)
        #expect(try await source.document(found.configuration) == configuration)
        let received = Mutex<Int>(0)
        let bytes = try await source.withBlob(layer) { count in
            received.withLock { $0 += count }
        } _: { blob in
            try await onThread { try blob.allBytes(layer.size) }
        }
        #expect(bytes == (try content.bytes()))
    }
}

extension ByteSource {
    func allBytes(_ count: Int64) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            try readAll(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            filled = Int(count)
        }
    }
}
