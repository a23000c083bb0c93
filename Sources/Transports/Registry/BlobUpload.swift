import Content
import OCI
import Synchronization

/// One blob on its way to a registry (OCI distribution specification, "Pushing blobs").
struct BlobUpload: Sendable {
    /// Below what proxies commonly let pass, and above what storage services want at least (5 MiB).
    private static let chunkSize: Int64 = 16 << 20

    /// An upload that the registry waits for.
    private struct Session {
        var url: HTTPURL
        /// The smallest chunk that the registry takes, the last one aside.
        let smallestChunk: Int64
    }

    private let blob: any ByteSource
    private let descriptor: Descriptor
    private let client: RegistryClient
    private let progress: UploadProgress

    init(
        of blob: any ByteSource, as descriptor: Descriptor, to client: RegistryClient,
        progress: @escaping @Sendable (Int) -> Void
    ) {
        self.blob = blob
        self.descriptor = descriptor
        self.client = client
        self.progress = UploadProgress(progress)
    }

    /// Uploads the blob in one piece, or in chunks to a registry that does not take it so.
    ///
    /// Whatever breaks, the next try opens a session of its own and sends the blob from its beginning.
    func run() async throws {
        if !client.wantsChunks.load(ordering: .relaxed) {
            do {
                return try await client.retry.run { try await sendWhole() }
            } catch let failure as RegistryFailure where failure.method == .put && Self.isAboutThePiece(failure) {
                client.wantsChunks.store(true, ordering: .relaxed)
            }
        }
        try await client.retry.run { try await sendChunks() }
    }

    /// Whether the registry, or a proxy before it, minds how the blob was sent, and not what is in it.
    private static func isAboutThePiece(_ failure: RegistryFailure) -> Bool {
        switch failure.status {
        case 405, 411, 413, 415, 416, 501: true
        case 400, 404: failure.has("BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "UNSUPPORTED")
        default: false
        }
    }

    private func sendWhole() async throws {
        let session = try await open()
        try await close(session, with: .source(blob, 0..<descriptor.size), from: 0)
    }

    private func sendChunks() async throws {
        var session = try await open()
        var position: Int64 = 0
        while position < descriptor.size {
            let length = min(max(Self.chunkSize, session.smallestChunk), descriptor.size - position)
            let chunk = position..<position + length
            var request = HTTPRequest(.patch, session.url, body: .source(blob, chunk), onSent: sent(from: position))
            request.headers["Content-Type"] = "application/octet-stream"
            request.headers["Content-Range"] = "\(chunk.lowerBound)-\(chunk.upperBound - 1)"
            let response = try await client.exchange(request, for: client.pushScope, expecting: [202, 201, 204])
            session.url = try location(in: response) ?? session.url
            position = try end(of: chunk, in: response)
        }
        try await close(session, with: .none, from: position)
    }

    private func open() async throws -> Session {
        let request = HTTPRequest(.post, try client.url("blobs/uploads/"))
        let response = try await client.exchange(request, for: client.pushScope, expecting: [202])
        guard let url = try location(in: response) else { throw RegistryAnswerFailure.noLocation(response.url) }
        let smallest = response.headers["OCI-Chunk-Min-Length"].flatMap { Int64($0) } ?? 0
        return Session(url: url, smallestChunk: smallest)
    }

    private func close(_ session: Session, with body: HTTPRequest.Body, from position: Int64) async throws {
        let url = session.url.appending("digest", descriptor.digest.description)
        var request = HTTPRequest(.put, url, body: body, onSent: sent(from: position))
        request.headers["Content-Type"] = "application/octet-stream"
        _ = try await client.exchange(request, for: client.pushScope, expecting: [201, 200, 202, 204])
    }

    /// Each answer may send the session elsewhere.
    private func location(in response: HTTPResponse) throws -> HTTPURL? {
        try response.headers["Location"].map { try response.url.resolving($0) }
    }

    /// Up to where the registry has the blob: it may have kept less than it was sent.
    private func end(of chunk: Range<Int64>, in response: HTTPResponse) throws -> Int64 {
        guard let range = response.headers["Range"] else { return chunk.upperBound }
        let ends = range.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends[0] == "0", let last = Int64(ends[1]), chunk.contains(last) else {
            throw RegistryAnswerFailure.wrongRange(response.url, range)
        }
        return last + 1
    }

    private func sent(from start: Int64) -> @Sendable (Int64) -> Void {
        { [progress] position in progress.reach(start + position) }
    }
}

/// Turns positions, which fall back when something is sent again, into bytes that are new.
private final class UploadProgress: Sendable {
    private let furthest = Mutex<Int64>(0)
    private let report: @Sendable (Int) -> Void

    init(_ report: @escaping @Sendable (Int) -> Void) {
        self.report = report
    }

    func reach(_ position: Int64) {
        let new = furthest.withLock { furthest in
            let new = max(position - furthest, 0)
            furthest += new
            return new
        }
        if new > 0 { report(Int(new)) }
    }
}
