import Content
import OCI
import Synchronization

/// Reads a blob the way the Stargz Snapshotter does, and notes what the registry makes of it.
///
/// It looks for the place of the blob with a first range, and follows one redirect; it asks that place for the size, and
/// from then on for ranges, of which it wants several at once when it has what lies between.
struct RangeProbe {
    private typealias Finding = ProbeReport.Finding

    private let client: RegistryClient
    private let descriptor: Descriptor
    /// What the blob holds; `nil` when somebody else has pushed it.
    private let content: [UInt8]?
    /// What the snapshotter reads at a time.
    private static let regionSize: Int64 = 50_000

    /// The longest of several ranges that are asked for at once.
    private let regionLimit: Int64
    private(set) var findings: [ProbeReport.Finding] = []

    /// - Parameters:
    ///   - client: the registry.
    ///   - descriptor: a blob that it has.
    ///   - content: what the blob holds, if that is known.
    ///   - regionLimit: the longest of several ranges to ask for at once; as the snapshotter does without one.
    init(_ client: RegistryClient, _ descriptor: Descriptor, content: [UInt8]?, regionLimit: Int64 = regionSize) {
        self.client = client
        self.descriptor = descriptor
        self.content = content
        self.regionLimit = regionLimit
    }

    mutating func run() async throws {
        guard let place = try await findPlace() else { return }
        try await checkSize(at: place)
        // As far as the blob has so many.
        let one = min(Self.regionSize, descriptor.size / 4)
        guard one > 0 else { return }
        try await checkRange(one..<2 * one, at: place)
        let region = min(regionLimit, one)
        try await checkRanges([0..<region, 2 * region..<3 * region], at: place)
    }

    private mutating func note(_ check: ProbeReport.Check, _ outcome: ProbeReport.Outcome, _ detail: String) {
        findings.append(ProbeReport.Finding(check, outcome, detail))
    }

    private mutating func findPlace() async throws -> HTTPURL? {
        let url = try client.url(of: descriptor)
        let first = try await ask(.get, url, "bytes=0-1")
        switch first.status {
        case 200..<300:
            note(.redirect, .works, "none: the registry sends blobs itself")
            return url
        case 300..<400: break
        default:
            note(.redirect, .fails, "GET of a blob: status \(first.status)")
            return nil
        }
        let location = first.headers["Location"] ?? ""
        // The snapshotter takes it as it is.
        guard location.contains("://"), let place = try? HTTPURL(parsing: location) else {
            note(
                .redirect, .fails,
                "status \(first.status) to '\(location.prefix { $0 != "?" }.prefix(200).printable)', "
                    + "where the snapshotter expects a whole URL")
            return nil
        }
        let second = try await ask(.get, place, "bytes=0-1")
        switch second.status {
        case 200..<300:
            let isOpen = url.scheme == .https && place.scheme == .http
            note(
                .redirect, isOpen ? .limited : .works,
                "one, to \(place.origin)" + (isOpen ? ", where there is no TLS" : ""))
            return place
        case 300..<400:
            note(.redirect, .fails, "\(place.origin) redirects once more, and the snapshotter follows one redirect")
        default: note(.redirect, .fails, "one, to \(place.origin), which answers with status \(second.status)")
        }
        return nil
    }

    private mutating func checkSize(at place: HTTPURL) async throws {
        let head = try await ask(.head, place, nil)
        if head.status == 200 {
            let length = head.headers["Content-Length"]
            if length == String(descriptor.size) {
                note(.size, .works, "HEAD gives it")
            } else {
                note(.size, .fails, "HEAD: expected Content-Length \(descriptor.size), not \(length.shown)")
            }
            return
        }
        let answer = try await ask(.get, place, "bytes=0-1")
        let found: String? =
            switch answer.status {
            case 200: answer.headers["Content-Length"]
            case 206: answer.headers["Content-Range"]?.split(separator: "/").last.map(String.init)
            default: nil
            }
        if found == String(descriptor.size) {
            note(.size, .works, "HEAD: status \(head.status), but the answer to a range has it")
        } else {
            note(
                .size, .fails,
                "HEAD: status \(head.status), and the answer to a range, status \(answer.status), does not have it")
        }
    }

    private mutating func checkRange(_ range: Range<Int64>, at place: HTTPURL) async throws {
        let answer = try await askForRange(place, "bytes=\(range.httpText)", limit: Int64(range.count))
        switch answer.status {
        case 206:
            let type = answer.headers["Content-Type"] ?? ""
            guard type.isMediaType else {
                let shown = type.isEmpty ? "without Content-Type" : "with Content-Type '\(type.prefix(100).printable)'"
                return note(.range, .fails, "status 206 \(shown), which the snapshotter cannot read")
            }
            let span = answer.headers["Content-Range"] ?? ""
            let part = BlobPart(contentRange: span, answer.body)
            if let part, part.range == range, isRight(part), !type.hasPrefix("multipart/") {
                note(.range, .works, "status 206 with the bytes that were asked for")
            } else {
                note(
                    .range, .fails,
                    "status 206, but not with bytes \(range.httpText): Content-Range is '\(span.prefix(100).printable)'"
                )
            }
        case 200: note(.range, .fails, "status 200: each read of a few bytes fetches the whole blob")
        default: note(.range, .fails, "status \(answer.status)")
        }
    }

    private mutating func checkRanges(_ ranges: [Range<Int64>], at place: HTTPURL) async throws {
        let remedy = "set force_single_range_mode = true in the section [blob] of the snapshotter's configuration"
        let text = ranges.map(\.httpText).joined(separator: ",")
        let span = (ranges.first?.lowerBound ?? 0)..<(ranges.last?.upperBound ?? 0)
        // Each part brings a few lines with it.
        let answer = try await askForRange(place, "bytes=\(text)", limit: Int64(span.count) + 16 << 10)
        switch answer.status {
        case 206:
            let type = answer.headers["Content-Type"] ?? ""
            let isMultipart = type.lowercased().hasPrefix("multipart/")
            let parts =
                isMultipart
                ? type.boundaryParameter.flatMap { BlobPart.parts(of: answer.body, boundary: $0) } ?? []
                : [BlobPart(contentRange: answer.headers["Content-Range"] ?? "", answer.body)].compactMap { $0 }
            if type.isMediaType, parts.allSatisfy(isRight),
                ranges.allSatisfy({ range in parts.contains { $0.range.contains(range) } })
            {
                note(.ranges, .works, isMultipart ? "status 206 with a part for each" : "status 206 with all in one")
            } else {
                note(
                    .ranges, .fails,
                    "status 206, but not with all that was asked for, so that reads of files fail; \(remedy)")
            }
        case 200: note(.ranges, .limited, "status 200: the whole blob is fetched for them; \(remedy)")
        case 400: note(.ranges, .limited, "status 400: the snapshotter then asks for one range that spans them")
        default: note(.ranges, .fails, "status \(answer.status), so that reads of files fail; \(remedy)")
        }
    }

    private func isRight(_ part: BlobPart) -> Bool {
        guard part.total ?? descriptor.size == descriptor.size else { return false }
        guard let content else { return true }
        return part.range.upperBound <= content.count
            && content[Int(part.range.lowerBound)..<Int(part.range.upperBound)] == part.bytes[...]
    }

    /// The same, where other ranges have been had: if this one always fails the server, that is what was asked.
    private func askForRange(_ url: HTTPURL, _ range: String, limit: Int64) async throws -> HTTPResponse {
        do {
            return try await ask(.get, url, range, limit: limit)
        } catch let failure as RegistryFailure where failure.status >= 500 {
            return HTTPResponse(status: failure.status, headers: [:], url: failure.url)
        }
    }

    /// - Returns: an answer with any status; one with the whole blob has no body.
    private func ask(
        _ method: HTTPRequest.Method, _ url: HTTPURL, _ range: String?, limit: Int64 = 2
    ) async throws -> HTTPResponse {
        let sink = PartSink(limit: limit)
        var request = HTTPRequest(method, url)
        if method == .get { request.receiver = .sink(sink) }
        request.headers["Range"] = range
        request.headers["Accept-Encoding"] = "identity"
        do {
            var response = try await client.retry.run { [request] in
                try await client.exchange(
                    request, for: .pull(client.reference.repository), expecting: Self.answers, followsRedirects: false)
            }
            response.body = sink.bytes
            return response
        } catch PartSink.Interruption.whole(let response) {
            return response
        }
    }

    /// All but those after which the same request is sent once more.
    private static let answers = (200..<600).filter { !RegistryFailure.transientStatuses.contains($0) }
}

/// Takes parts of a blob, and ends the transfer where all of it comes.
private final class PartSink: HTTPBodySink {
    enum Interruption: Error {
        case whole(HTTPResponse)
    }

    private let limit: Int64
    private let received = Mutex<[UInt8]>([])

    init(limit: Int64) {
        self.limit = limit
    }

    var bytes: [UInt8] { received.withLock { $0 } }

    func begin(_ response: HTTPResponse) throws {
        received.withLock { $0.removeAll() }
        if response.status == 200 { throw Interruption.whole(response) }
    }

    /// What is too much is left out: then the answer is not what was asked for.
    func append(_ bytes: UnsafeRawBufferPointer) {
        received.withLock { received in
            received.append(contentsOf: bytes.prefix(Int(max(0, limit + 1 - Int64(received.count)))))
        }
    }

    func end() {}
}

extension Range<Int64> {
    /// As the header field `Range` has it.
    fileprivate var httpText: String { "\(lowerBound)-\(upperBound - 1)" }
}

extension String? {
    fileprivate var shown: String { self?.prefix(100).printable ?? "none" }
}
