import Content

/// What can happen to a request on its way through a `ChaosProxy`.
package enum ChaosFault: String, CaseIterable, Sendable {
    case resetBeforeRequest = "reset before the request"
    case resetInRequest = "reset in the request's body"
    case resetInAnswer = "reset in the answer"
    /// The connection ends in order, before the body does.
    case truncation = "truncated answer"
    /// The body is too short, and its `Content-Length` agrees.
    case shortAnswer = "short answer"
    case corruption = "corrupted answer"
    case delay
    case tooManyRequests = "429"
    case internalError = "500"
    case unavailable = "503"
    case lostAnswer = "lost answer"
    case redirect = "redirect to another host"
    case unknownSession = "404 for an upload"
    case droppedPatch = "dropped PATCH"
    /// Only the beginning of a chunk is taken, and the answer's `Range` says so.
    case shortPatch = "PATCH taken in part"

    /// The status that stands for the fault.
    var status: Int? {
        switch self {
        case .tooManyRequests: 429
        case .internalError: 500
        case .unavailable: 503
        case .unknownSession: 404
        default: nil
        }
    }
}

/// What a proxy sees of a request.
struct ChaosRequest {
    enum Subject {
        case manifest, blob
        /// `POST` that opens an upload.
        case uploads
        /// An upload that is open.
        case session
        case other
    }

    let head: PlainHead
    let method: String
    let target: String
    let subject: Subject
    /// The tag or digest that the request is about, as far as it says so: a chunk of an upload does not.
    let name: String?
    let length: Int

    init(_ head: PlainHead) {
        self.head = head
        let words = head.line.split(separator: " ")
        method = words.first.map(String.init) ?? ""
        target = words.dropFirst().first.map(String.init) ?? ""
        length = head.length ?? 0
        let path = target.prefix { $0 != "?" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).suffix(3).map(String.init)
        let query = target.dropFirst(path.count + 1).split(separator: "&")
        let digest = query.first { $0.hasPrefix("digest=") || $0.hasPrefix("mount=") }
        let queried = digest.map { $0.drop { $0 != "=" }.dropFirst().split(separator: "%3A").joined(separator: ":") }
        switch parts {
        case let parts where parts.count == 3 && parts[1] == "manifests": (subject, name) = (.manifest, parts[2])
        case let parts where parts.count == 3 && parts[1] == "blobs" && parts[2] != "uploads":
            (subject, name) = (.blob, parts[2])
        case let parts where parts.count == 3 && parts[1] == "uploads":
            (subject, name) = (parts[2].isEmpty ? .uploads : .session, queried)
        default: (subject, name) = (.other, nil)
        }
    }

    var isUpload: Bool { ["PUT", "POST", "PATCH"].contains(method) }
}

/// What a proxy does to which request: the same for the same seed, as far as the client asks the same.
///
/// Each request draws from a generator of its own, so that it does not matter in which order several arrive at once.
package struct ChaosPlan: Sendable {
    /// Faults that one blob, manifest or tag meets at most.
    package static let limit = 3

    private let seed: UInt64
    /// How many of a hundred requests meet a fault.
    private let intensity: UInt64
    /// The share of the limit for requests that do not tell which blob they are about.
    private let anonymousLimit: Int
    /// The status for a blob that comes in one piece; `nil` where that is fine.
    let refusal: Int?
    let smallestChunk: Int?
    let hasRelativeLocations: Bool

    private var requests: [String: UInt64] = [:]
    private var faults: [String: Int] = [:]
    private var longWaits = 0

    package init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed)
        intensity = [10, 30, 60][Int(random.next() % 3)]
        anonymousLimit = Int(random.next() % UInt64(Self.limit + 1))
        refusal = [nil, nil, nil, 405, 413][Int(random.next() % 5)]
        smallestChunk = [nil, nil, 1, 100_000, 1 << 20][Int(random.next() % 5)]
        hasRelativeLocations = random.next() % 4 == 0
    }

    /// What happens to a request, and a generator for the details.
    mutating func next(for request: ChaosRequest) -> (fault: ChaosFault?, random: SeededGenerator) {
        let key = request.name ?? "an upload"
        let kind = "\(request.method) \(key)"
        requests[kind, default: 0] += 1
        var random = SeededGenerator(seed ^ Self.hash(kind) &+ requests[kind, default: 0])
        guard faults[key, default: 0] < (request.name == nil ? anonymousLimit : Self.limit - anonymousLimit) else {
            return (nil, random)
        }
        var fault: ChaosFault?
        if request.method == "PATCH", random.next() % 2 == 0 {
            fault = .droppedPatch
        } else if request.method == "PATCH", random.next() % 2 == 0 {
            fault = .shortPatch
        } else if random.next() % 100 < intensity {
            fault = Self.faults(for: request).randomElement(using: &random)
        }
        if fault != nil { faults[key, default: 0] += 1 }
        return (fault, random)
    }

    /// The value of `Retry-After`, if there is to be one. A whole second of waiting is granted once.
    mutating func retryAfter(_ random: inout SeededGenerator, date: (_ secondsFromNow: Int) -> String) -> String? {
        let isLong = random.next() % 8 == 0 && longWaits == 0
        if isLong { longWaits += 1 }
        switch random.next() % 4 {
        case 0: return isLong ? "1" : "0"
        case 1: return date(isLong ? 1 : 0)
        default: return nil
        }
    }

    private static func faults(for request: ChaosRequest) -> [ChaosFault] {
        var faults: [ChaosFault] = [
            .resetBeforeRequest, .resetInAnswer, .delay, .tooManyRequests, .internalError, .unavailable,
        ]
        if request.length > 0 { faults += [.resetInRequest, .resetInRequest] }
        if request.isUpload { faults += [.lostAnswer, .lostAnswer] }
        switch (request.method, request.subject) {
        case ("GET", .blob): faults += [.truncation, .truncation, .shortAnswer, .corruption, .redirect, .redirect]
        case ("GET", .manifest): faults += [.truncation, .shortAnswer, .corruption]
        case ("PUT", .session): faults += [.unknownSession]
        case ("PATCH", _): faults += [.unknownSession]
        default: break
        }
        return faults
    }

    /// FNV-1a: Swift's own hashes differ from run to run.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
    }
}
