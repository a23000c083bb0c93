import Archive
import Content
import EStargz
import OCI
import Transports

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
    ///
    /// `inflated` is the layer if it has been inflated already.
    func run(_ layer: SourceLayer, inflated: InflatedLayer?, as id: LayerID) async throws -> LayerOutcome {
        let descriptor = layer.descriptor
        switch descriptor.mediaType.layerKind {
        case .foreign: return .unchanged(.skip, reason: "foreign layers may not be distributed")
        case .other:
            if !request.isDryRun { try await copy.run(descriptor, as: id) }
            return .unchanged(.copy, reason: "\(descriptor.mediaType) is no file system")
        case .tar:
            if request.isDryRun { return .unchanged(.convert, reason: nil) }
            let outcome =
                if let inflated {
                    try await convert(inflated, of: layer, as: id)
                } else {
                    try await convert(layer, as: id)
                }
            if case .converted(let built) = outcome { try await push(built, of: descriptor, as: id) }
            return outcome
        }
    }

    /// Converts a layer while it is arriving.
    private func convert(_ layer: SourceLayer, as id: LayerID) async throws -> LayerOutcome {
        let descriptor = layer.descriptor
        let identity = LayerIdentity(digest: descriptor.digest, size: descriptor.size, diffID: layer.key.diffID)
        return try await source.withBlob(descriptor, progress: { _ in }) { bytes -> LayerOutcome in
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
    }

    /// Converts a layer that is here already.
    private func convert(
        _ inflated: InflatedLayer, of layer: SourceLayer, as id: LayerID
    ) async throws -> LayerOutcome {
        events(.entered(id, .convert, size: inflated.tar.count))
        do {
            return .converted(
                try await writer.write(inflated, first: layer.key.priorities) { events(.advanced(id, $0)) })
        } catch let obstacle as any Failure where obstacle.isObstacle {
            guard !request.isStrict else { throw obstacle }
            try await copy.run(layer.descriptor, as: id)
            return .unchanged(.keep, reason: obstacle.description)
        }
    }

    private func push(_ built: BuiltLayer, of descriptor: Descriptor, as id: LayerID) async throws {
        let result = descriptor.replacing(with: built, docker: false)
        let lacking = try await destinations.lacking(result)
        guard !lacking.isEmpty else { return }
        events(.entered(id, .push, size: result.size))
        try await destinations.put(built.blob, as: result, at: lacking) { events(.advanced(id, $0)) }
    }
}

extension Failure {
    /// Whether this says that a layer must stay as it is.
    var isObstacle: Bool {
        self is LayerObstacle || (self as? ContextualFailure)?.cause is LayerObstacle
    }
}

extension Descriptor {
    /// This layer after its conversion: what described the old bytes is gone, the rest stays.
    ///
    /// - Parameters:
    ///   - layer: the new one.
    ///   - docker: whether Docker's media types stay.
    /// - Returns: its descriptor.
    func replacing(with layer: BuiltLayer, docker: Bool) -> Descriptor {
        var result = replacing(
            mediaType: docker && mediaType.isDocker ? .dockerLayerGzip : .ociLayerGzip, digest: layer.digest,
            size: layer.blob.count)
        // They lead to the old bytes.
        result.json["urls"] = nil
        result.editAnnotations { annotations in
            annotations.removeAll { Annotation.isStaleAfterConversion($0.key) }
            annotations[Annotation.tocDigest] = .string(layer.tocDigest.description)
            annotations[Annotation.uncompressedSize] = .string(String(layer.uncompressedSize))
        }
        return result
    }

    /// This layer as it is, under the type that it gets.
    func retyped(docker: Bool) -> Descriptor {
        var result = self
        if !docker { result.mediaType = mediaType.asOCI }
        result.json["mediaType"] = .string(result.mediaType.text)
        return result
    }
}
