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
    /// The same blob may be foreign in one place and not in another.
    let kind: LayerKind

    init(_ descriptor: Descriptor, diffID: Digest) {
        digest = descriptor.digest
        size = descriptor.size
        kind = descriptor.mediaType.layerKind
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

    private var copy: BlobCopy { BlobCopy(source: source, destinations: destinations, events: events) }

    /// Converts the layer, or takes it over as it is, and writes the result wherever it is not yet.
    func run(_ descriptor: Descriptor, diffID: Digest, as id: LayerID) async throws -> LayerOutcome {
        switch descriptor.mediaType.layerKind {
        case .foreign: return .unchanged(.skip, reason: "foreign layers may not be distributed")
        case .other:
            if !request.isDryRun { try await copy.run(descriptor, as: id) }
            return .unchanged(.copy, reason: "\(descriptor.mediaType) is no file system")
        case .tar:
            if request.isDryRun { return .unchanged(.convert, reason: nil) }
            return try await convert(descriptor, diffID: diffID, as: id)
        }
    }

    private func convert(_ descriptor: Descriptor, diffID: Digest, as id: LayerID) async throws -> LayerOutcome {
        let identity = LayerIdentity(digest: descriptor.digest, size: descriptor.size, diffID: diffID)
        let outcome = try await source.withBlob(descriptor, progress: { _ in }) { bytes -> LayerOutcome in
            events(.entered(id, .convert, size: descriptor.size))
            do {
                return .converted(
                    try await writer.write(bytes, expecting: identity) { events(.advanced(id, $0)) })
            } catch let obstacle as any Failure where obstacle.isObstacle {
                guard !request.isStrict else { throw obstacle }
                try await copy.run(bytes, of: descriptor, as: id)
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
