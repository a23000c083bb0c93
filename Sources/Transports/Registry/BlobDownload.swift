import Content
import OCI
import Synchronization

/// Takes the answer to a request for a blob, or for the rest of it from where the spool ends.
final class BlobDownload: HTTPBodySink {
    /// libcurl hands over 16 KiB at a time; waking readers for each of these would cost more than writing it.
    private static let pieceSize = 256 << 10

    private struct State {
        /// How many bytes that the spool already has are still to come.
        var repeated: Int64 = 0
        /// What has arrived since the last piece went to the spool.
        var pending: [UInt8] = []
    }

    private let descriptor: Descriptor
    private let spool: SpoolFile
    private let progress: @Sendable (Int) -> Void
    private let start: Int64
    private let state = Mutex(State())

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
            if let length = response.headers["Content-Length"].flatMap({ Int64($0) }), length > descriptor.size {
                throw RegistryAnswerFailure.blobTooLong(descriptor.digest, expected: descriptor.size)
            }
            // A registry that knows no ranges sends everything again. Readers are at work on the spool, so it stays.
            state.withLock { $0.repeated = start }
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try state.withLock { state in
            let known = Int(min(state.repeated, Int64(bytes.count)))
            state.repeated -= Int64(known)
            guard Int64(bytes.count - known) <= descriptor.size - spool.count - Int64(state.pending.count) else {
                throw RegistryAnswerFailure.blobTooLong(descriptor.digest, expected: descriptor.size)
            }
            state.pending.append(contentsOf: bytes[known...])
            if state.pending.count >= Self.pieceSize { try flush(&state) }
        }
    }

    func end() throws {
        try state.withLock { try flush(&$0) }
    }

    private func flush(_ state: inout State) throws {
        guard !state.pending.isEmpty else { return }
        try state.pending.withUnsafeBytes { try spool.append($0) }
        progress(state.pending.count)
        state.pending.removeAll(keepingCapacity: true)
    }
}
