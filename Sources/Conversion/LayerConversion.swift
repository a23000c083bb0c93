import Archive
import Content
import EStargz
import OCI
import Transports

/// A layer as the image names it: the same blob under another DiffID is another layer.
struct LayerKey: Hashable, Sendable {
    let digest: Digest
    let diffID: Digest
    let size: Int64

    init(_ descriptor: Descriptor, diffID: Digest) {
        digest = descriptor.digest
        size = descriptor.size
        self.diffID = diffID
    }
}

/// What became of a layer.
enum LayerOutcome: Sendable {
    case converted(BuiltLayer)
    case unchanged(LayerReport.Action, reason: String?)
}

/// Converts single layers and brings them to the destinations.
struct LayerConversion: Sendable {
    let source: any ImageSource
    let destinations: Destinations
    let writer: LayerWriter
    let request: ConversionRequest
    let events: @Sendable (ConversionEvent) -> Void

    /// Converts the layer, or takes it over as it is, and writes the result wherever it is not yet.
    func run(_ descriptor: Descriptor, diffID: Digest, as id: LayerID) async throws -> LayerOutcome {
        switch descriptor.mediaType.layerKind {
        case .foreign: return .unchanged(.skip, reason: "foreign layers may not be distributed")
        case .other:
            if !request.isDryRun { try await copy(descriptor, as: id) }
            return .unchanged(.copy, reason: "\(descriptor.mediaType) is no file system")
        case .tar:
            if request.isDryRun { return .unchanged(.convert, reason: nil) }
            return try await convert(descriptor, diffID: diffID, as: id)
        }
    }

    private func convert(_ descriptor: Descriptor, diffID: Digest, as id: LayerID) async throws -> LayerOutcome {
        let identity = LayerIdentity(digest: descriptor.digest, size: descriptor.size, diffID: diffID)
        events(.entered(id, .convert, size: descriptor.size))
        let outcome = try await source.withBlob(descriptor, progress: { _ in }) { bytes -> LayerOutcome in
            do {
                return .converted(
                    try await writer.write(bytes, expecting: identity) { events(.advanced(id, $0)) })
            } catch let obstacle as any Failure where obstacle.isObstacle {
                guard !request.isStrict else { throw obstacle }
                try await copy(bytes, of: descriptor, as: id)
                return .unchanged(.keep, reason: obstacle.description)
            }
        }
        guard case .converted(let layer) = outcome else { return outcome }
        let result = descriptor.replacing(with: layer, docker: false)
        let lacking = try await destinations.lacking(result)
        if !lacking.isEmpty {
            events(.entered(id, .push, size: result.size))
            try await destinations.put(layer.blob, as: result, at: lacking) { events(.advanced(id, $0)) }
        }
        return outcome
    }

    /// Takes over a blob that is no layer of a file system, wherever it is not yet.
    func copy(_ descriptor: Descriptor, as id: LayerID?) async throws {
        let lacking = try await destinations.lacking(descriptor, mountingFrom: source)
        guard !lacking.isEmpty else { return }
        try await source.withBlob(descriptor, progress: { _ in }) { bytes in
            try await put(bytes, of: descriptor, at: lacking, as: id)
        }
    }

    private func copy(_ bytes: any ByteSource, of descriptor: Descriptor, as id: LayerID) async throws {
        let lacking = try await destinations.lacking(descriptor, mountingFrom: source)
        try await put(bytes, of: descriptor, at: lacking, as: id)
    }

    private func put(
        _ bytes: any ByteSource, of descriptor: Descriptor, at positions: Set<Int>, as id: LayerID?
    ) async throws {
        try await onThread { try bytes.verify(descriptor) }
        if let id { events(.entered(id, .copy, size: descriptor.size)) }
        try await destinations.put(bytes, as: descriptor, at: positions) { count in
            if let id { events(.advanced(id, count)) }
        }
    }
}

extension Failure {
    /// Whether this says that a layer must stay as it is.
    fileprivate var isObstacle: Bool {
        self is LayerObstacle || (self as? ContextualFailure)?.cause is LayerObstacle
    }
}

extension Descriptor {
    /// This layer after its conversion: what described the old bytes is gone, the rest stays.
    func replacing(with layer: BuiltLayer, docker: Bool) -> Descriptor {
        var result = replacing(
            mediaType: docker ? .dockerLayerGzip : .ociLayerGzip, digest: layer.digest, size: layer.blob.count)
        // They lead to the old bytes.
        result.json["urls"] = nil
        result.editAnnotations { annotations in
            annotations.removeAll { Annotation.isStaleAfterConversion($0.key) }
            annotations[Annotation.tocDigest] = .string(layer.tocDigest.description)
            annotations[Annotation.uncompressedSize] = .string(String(layer.uncompressedSize))
        }
        return result
    }
}

extension ByteSource {
    /// Reads everything and compares it with what the descriptor says.
    fileprivate func verify(_ descriptor: Descriptor) throws {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { block.deallocate() }
        var hasher = Hasher(descriptor.digest.algorithm)
        while case let count = try read(at: hasher.count, into: block), count > 0 {
            hasher.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[..<count]))
        }
        guard hasher.count == descriptor.size else {
            throw LayerIdentityFailure.size(expected: descriptor.size, actual: hasher.count)
        }
        let actual = hasher.finalize()
        guard actual == descriptor.digest else {
            throw DigestFailure.mismatch(expected: descriptor.digest, actual: actual)
        }
    }
}
