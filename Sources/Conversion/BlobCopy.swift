import Archive
import Content
import OCI
import Transports

/// Takes blobs over as they are, to wherever they are not yet.
struct BlobCopy: Sendable {
    let source: any ImageSource
    let destinations: Destinations
    let events: @Sendable (ConversionEvent) -> Void

    /// Copies a blob of the source, and says whether it was missing anywhere.
    ///
    /// `id` is whose progress this is; `nil` for blobs that nobody waits for.
    @discardableResult
    func run(_ descriptor: Descriptor, as id: LayerID?) async throws -> Bool {
        let lacking = try await destinations.lacking(descriptor, mountingFrom: source)
        guard !lacking.isEmpty else { return false }
        if try await source.isAbsent(descriptor) { throw CopyFailure.absentBlob(descriptor.digest) }
        if let id { events(.entered(id, .fetch, size: descriptor.size)) }
        let progress: @Sendable (Int) -> Void = { count in
            if let id { events(.advanced(id, count)) }
        }
        try await source.withBlob(descriptor, progress: progress) { bytes in
            try await put(bytes, of: descriptor, at: lacking, as: id)
        }
        return true
    }

    /// Copies a blob that has been fetched already.
    func run(_ bytes: any ByteSource, of descriptor: Descriptor, as id: LayerID) async throws {
        let lacking = try await destinations.lacking(descriptor, mountingFrom: source)
        try await put(bytes, of: descriptor, at: lacking, as: id)
    }

    private func put(
        _ bytes: any ByteSource, of descriptor: Descriptor, at positions: Set<Int>, as id: LayerID?
    ) async throws {
        try await onCancellableThread { try bytes.verify(descriptor, $0) }
        if let id { events(.entered(id, .copy, size: descriptor.size)) }
        try await destinations.put(bytes, as: descriptor, at: positions) { count in
            if let id { events(.advanced(id, count)) }
        }
    }
}

extension ByteSource {
    /// Reads everything and compares it with what the descriptor says.
    fileprivate func verify(_ descriptor: Descriptor, _ cancellation: CancellationFlag) throws {
        let (actual, count) = try hashed(descriptor.digest.algorithm, cancellation)
        guard count == descriptor.size else {
            throw LayerIdentityFailure.size(expected: descriptor.size, actual: count)
        }
        guard actual == descriptor.digest else {
            throw DigestFailure.mismatch(expected: descriptor.digest, actual: actual)
        }
    }
}
