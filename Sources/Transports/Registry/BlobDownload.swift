import Content
import OCI
import Synchronization

/// Takes the answer to a request for a blob, or for the rest of it from where the spool ends.
final class BlobDownload: HTTPBodySink {
    private let descriptor: Descriptor
    private let spool: SpoolFile
    private let progress: @Sendable (Int) -> Void
    private let start: Int64
    /// How many bytes that the spool already has are still to come.
    private let repeated = Atomic<Int64>(0)

    init(of descriptor: Descriptor, to spool: SpoolFile, progress: @escaping @Sendable (Int) -> Void) {
        self.descriptor = descriptor
        self.spool = spool
        self.progress = progress
        start = spool.count
    }

    func begin(_ response: HTTPResponse) throws {
        if response.status == 206 {
            let range = response.headers["Content-Range"] ?? ""
            guard range.hasPrefix("bytes \(start)-") else {
                throw RegistryAnswerFailure.wrongRange(response.url, range)
            }
        } else {
            // A registry that knows no ranges sends everything again. Readers are at work on the spool, so it stays.
            repeated.store(start, ordering: .relaxed)
            if let length = response.headers["Content-Length"].flatMap({ Int64($0) }), length > descriptor.size {
                throw RegistryAnswerFailure.blobTooLong(descriptor.digest, expected: descriptor.size)
            }
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        let known = Int(min(repeated.load(ordering: .relaxed), Int64(bytes.count)))
        repeated.subtract(Int64(known), ordering: .relaxed)
        let new = UnsafeRawBufferPointer(rebasing: bytes[known...])
        guard !new.isEmpty else { return }
        guard Int64(new.count) <= descriptor.size - spool.count else {
            throw RegistryAnswerFailure.blobTooLong(descriptor.digest, expected: descriptor.size)
        }
        try spool.append(new)
        progress(new.count)
    }
}
