import Content
import OCI
import Synchronization

/// One blob on its way to a registry (OCI distribution specification, "Pushing blobs").
///
/// It is sent in one piece, or in chunks where the registry wants that or takes nothing else. When something breaks, the
/// registry is asked what it has, and the upload goes on from there; where it has forgotten, it starts again.
struct BlobUpload: Sendable {
    private enum Manner: Sendable {
        case whole, chunks
    }

    /// An upload that the registry waits for.
    private struct Session: Sendable {
        var url: HTTPURL
        var manner: Manner
        /// The smallest chunk that the registry takes, the last one aside.
        let smallestChunk: Int64
        /// Up to where the registry has the blob.
        var position: Int64 = 0
        /// Taken up again after something broke.
        var isResumed = false
    }

    private enum State: Sendable {
        /// There is no session.
        case opening
        case sending(Session)
        /// Something broke; only the registry knows what has arrived.
        case asking(Session)
        /// The session is gone, perhaps because all has arrived and only the answer has not.
        case doubting
    }

    private let blob: any ByteSource
    private let descriptor: Descriptor
    private let client: RegistryClient
    private let progress: FurthestProgress

    private var state = State.opening
    /// Ways of sending that the registry does not take.
    private var refused: Set<Manner> = []
    /// Below what proxies commonly let pass, and above what storage services want at least (5 MiB).
    private var chunkSize: Int64 = 16 << 20
    /// Since the upload has last come further.
    private var failures = 0
    private var furthest: Int64 = 0

    init(
        of blob: any ByteSource, as descriptor: Descriptor, to client: RegistryClient,
        progress: @escaping @Sendable (Int) -> Void
    ) {
        self.blob = blob
        self.descriptor = descriptor
        self.client = client
        self.progress = FurthestProgress(progress)
    }

    /// Uploads the blob. Success means that the registry has all of it.
    mutating func run() async throws {
        while true {
            do {
                switch state {
                case .opening: state = .sending(try await open())
                case .sending(let session):
                    guard session.manner == .chunks, session.position < descriptor.size else {
                        return try await close(session)
                    }
                    let next = try await sendChunk(session)
                    state = .sending(next)
                    try note(next.position, after: session)
                case .asking(let session): state = try await ask(session)
                case .doubting:
                    if try await client.isThere(descriptor) { return }
                    state = .opening
                }
            } catch {
                try await recover(from: error)
            }
        }
    }

    /// Chooses what to do after an error, and waits until it is time for that.
    ///
    /// - Throws: the error, when nothing helps or enough has been tried.
    private mutating func recover(from error: any Error) async throws {
        guard let failure = error as? RegistryFailure, !failure.isTransient else {
            failures += 1
            guard let delay = client.retry.delay(after: error, failures: failures) else { throw error }
            if case .sending(let session) = state { state = .asking(session) }
            return try await client.retry.sleep(delay)
        }
        switch state {
        // Not every registry can say what it has. What led here has been counted.
        case .asking where failure.kind != .denied: state = .doubting
        case .sending(let session): state = try remedy(for: failure, in: session)
        default: throw failure
        }
    }

    /// What to do where the registry does not take what it was sent.
    private mutating func remedy(for failure: RegistryFailure, in session: Session) throws -> State {
        if failure.status == 413, session.manner == .chunks, chunkSize > max(session.smallestChunk, 1 << 20) {
            chunkSize /= 4
            return .asking(session)
        }
        if failure.status == 404 || failure.status == 416 && session.manner == .chunks {
            failures += 1
            guard failures < client.retry.tries else { throw failure }
            return failure.status == 404 ? .doubting : .asking(session)
        }
        if session.isResumed || progress.hasFallenBack, failure.has("DIGEST_INVALID", "SIZE_INVALID") {
            // What was on its way when the upload broke may have arrived after the registry was asked what it has.
            // libcurl sends a request once more by itself where a connection that was kept turns out to be dead.
            failures += 1
            guard failures < client.retry.tries else { throw failure }
            return .opening
        }
        guard failure.isAboutTheManner, refused.insert(session.manner).inserted, refused.count < 2 else {
            throw failure
        }
        // The next blob need not find out again.
        client.wantsChunks.store(session.manner == .whole, ordering: .relaxed)
        return .opening
    }

    /// Counts an upload that comes further as one that does not fail, however often it breaks.
    private mutating func note(_ position: Int64, after session: Session) throws {
        if position - furthest >= 1 << 20 {
            furthest = position
            failures = 0
        } else if position < descriptor.size, position - session.position < min(chunkSize, 1 << 20) {
            // It may keep less than it was sent, but not a few bytes each time for ever.
            failures += 1
            guard failures < client.retry.tries else {
                throw RegistryAnswerFailure.wrongRange(session.url, "0-\(position - 1)")
            }
        }
    }

    // MARK: Requests

    private func open() async throws -> Session {
        let request = HTTPRequest(.post, try client.url("blobs/uploads/"))
        let response = try await client.exchange(request, for: client.pushScope, expecting: [202])
        guard let url = try client.uploadLocation(in: response) else {
            throw RegistryAnswerFailure.noLocation(response.url)
        }
        let smallest = response.headers["OCI-Chunk-Min-Length"].flatMap { Int64($0) } ?? 0
        let wantsChunks = client.wantsChunks.load(ordering: .relaxed) || smallest > 0 && smallest < descriptor.size
        let manner: Manner = refused.contains(.whole) || wantsChunks && !refused.contains(.chunks) ? .chunks : .whole
        return Session(url: url, manner: manner, smallestChunk: smallest)
    }

    private func sendChunk(_ session: Session) async throws -> Session {
        let length = min(max(chunkSize, session.smallestChunk), descriptor.size - session.position)
        let chunk = session.position..<session.position + length
        var request = HTTPRequest(
            .patch, session.url, body: .source(blob, chunk), onSent: sent(from: session.position))
        request.headers["Content-Type"] = "application/octet-stream"
        request.headers["Content-Range"] = "\(chunk.lowerBound)-\(chunk.upperBound - 1)"
        let response = try await client.exchange(request, for: client.pushScope, expecting: [202, 201, 204])
        var session = session
        session.url = try client.uploadLocation(in: response) ?? session.url
        session.position = chunk.upperBound
        if let range = response.headers["Range"] {
            guard let end = Self.end(of: range), end > chunk.lowerBound, end <= chunk.upperBound else {
                throw RegistryAnswerFailure.wrongRange(response.url, range)
            }
            session.position = end
        }
        return session
    }

    /// Asks how much has arrived.
    private func ask(_ session: Session) async throws -> State {
        let request = HTTPRequest(.get, session.url)
        let response = try await client.exchange(request, for: client.pushScope, expecting: [204, 200, 202])
        guard let range = response.headers["Range"], let end = Self.end(of: range), end <= descriptor.size else {
            return .doubting
        }
        var session = session
        session.url = try client.uploadLocation(in: response) ?? session.url
        // Also said where there is nothing yet: a range cannot be empty.
        session.position = end == 1 ? 0 : end
        session.isResumed = true
        if session.position > 0 {
            guard !refused.contains(.chunks) else { return .doubting }
            session.manner = .chunks
        }
        return .sending(session)
    }

    private func close(_ session: Session) async throws {
        let url = session.url.appending("digest", descriptor.digest.description)
        let isWhole = session.manner == .whole
        var request = HTTPRequest(
            .put, url, body: isWhole ? .source(blob, 0..<descriptor.size) : .none,
            onSent: sent(from: isWhole ? 0 : session.position))
        request.headers["Content-Type"] = "application/octet-stream"
        _ = try await client.exchange(request, for: client.pushScope, expecting: [201, 200, 202, 204])
    }

    /// The end of a range from the beginning, `0-LAST`; `nil` when it is none.
    private static func end(of range: String) -> Int64? {
        let ends = range.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends[0] == "0" || ends[0] == "bytes=0", let last = Int64(ends[1]), last >= 0,
            last < .max
        else { return nil }
        return last + 1
    }

    private func sent(from start: Int64) -> @Sendable (Int64) -> Void {
        { [progress] position in progress.reach(start + position) }
    }
}

extension RegistryFailure {
    /// Whether the registry, or a proxy before it, minds how the blob was sent, and not what is in it.
    fileprivate var isAboutTheManner: Bool {
        switch status {
        case 405, 411, 413, 415, 416, 501: true
        case 400: has("BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "UNSUPPORTED")
        default: false
        }
    }
}

extension RegistryClient {
    /// Where an upload goes on: each answer may send it elsewhere.
    func uploadLocation(in response: HTTPResponse) throws -> HTTPURL? {
        guard let url = try response.headers["Location"].map({ try response.url.following($0) }) else { return nil }
        guard url.scheme == .https || base.scheme == .http else {
            throw HTTPFailure.redirectWithoutTLS(from: response.url, to: url)
        }
        return url
    }
}
