import Archive
import Content
import EStargz
import OCI
import Transports

/// Opens layers: lazily where that is possible, else by pulling them.
struct LayerOpener: Sendable {
    let source: any ImageSource
    let tables: ExternalTables
    let options: InspectionOptions
    let members = MemberCache()

    /// Opens a layer; `number` counts from 1.
    func open(_ descriptor: Descriptor, diffID: Digest, number: Int) async throws -> OpenLayer {
        switch descriptor.mediaType.layerKind {
        case .tar: break
        case .foreign:
            options.notice(.skipping(layer: number, descriptor, reason: "foreign layers may not be distributed"))
            return OpenLayer(descriptor: descriptor, content: .none)
        case .other:
            options.notice(
                .skipping(layer: number, descriptor, reason: "\(descriptor.mediaType) is no file system"))
            return OpenLayer(descriptor: descriptor, content: .none)
        }
        if !options.pullsAll {
            do {
                return OpenLayer(descriptor: descriptor, content: .lazy(try await read(descriptor)))
            } catch let failure as any Failure where failure.isOfTheFormat {
                options.notice(.pulling(layer: number, descriptor, reason: failure.description))
            }
        }
        return OpenLayer(descriptor: descriptor, content: .pulled(try await pull(descriptor, diffID: diffID)))
    }

    /// - Throws: a failure of the format when the layer can only be pulled.
    func read(_ descriptor: Descriptor) async throws -> LayerReader {
        guard let trust = try descriptor.tocTrust else { throw NoTableFailure.noAnnotation }
        let blob = ReadAhead(try await source.open(descriptor))
        let reader = try await LayerReader(blob, trusting: trust, members: members) {
            try await tables.table(of: descriptor.digest)
        }
        guard !reader.table.lacksChunkDigests else { throw NoTableFailure.noDigests }
        return reader
    }

    private func pull(_ descriptor: Descriptor, diffID: Digest) async throws -> InflatedLayer {
        let identity = LayerIdentity(digest: descriptor.digest, size: descriptor.size, diffID: diffID)
        return try await source.withBlob(descriptor, progress: { _ in }) { [options] blob in
            try await onCancellableThread { cancellation in
                try InflatedLayer(
                    InterruptibleSource(source: blob, cancellation: cancellation), expecting: identity,
                    limit: options.layerLimit, in: options.temporaryDirectory
                ) { _ in }
            }
        }
    }
}

/// Why nothing vouches for what a layer's table of contents says.
enum NoTableFailure: Failure {
    case noAnnotation
    case noDigests

    var kind: FailureKind { .unsupported }
    var description: String {
        switch self {
        case .noAnnotation: "the manifest names no table of contents for it"
        case .noDigests: "its table of contents has no digests of data"
        }
    }
}

extension Failure {
    /// Whether the layer is to blame, or a registry without ranges: pulling it as a whole then still works.
    var isOfTheFormat: Bool {
        switch kind {
        case .invalid, .unsupported: true
        default: isAboutRanges
        }
    }

    /// Whether a registry answers with all of a blob when it is asked for a part.
    package var isAboutRanges: Bool {
        let cause = (self as? ContextualFailure)?.cause ?? self
        if let answer = cause as? RegistryFailure { return answer.status == 416 }
        return switch cause as? RegistryAnswerFailure {
        case .noRanges, .wrongRange, .rangeTooLong: true
        default: false
        }
    }
}
