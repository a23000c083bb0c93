import Content
import Glibc
import OCI

/// A registry, or the token server before it, said no.
package struct RegistryFailure: Failure {
    /// One of the errors in the body (OCI distribution specification, "Error codes").
    package struct Diagnostic: Hashable, Sendable {
        package let code: String
        package let message: String
    }

    package let method: HTTPRequest.Method
    package let url: HTTPURL
    package let status: Int
    package let diagnostics: [Diagnostic]
    /// Seconds after which the registry wants to be asked again.
    package let retryAfter: Int64?
    /// Whether it is a token server that said it: what is not there is not the image.
    var isOfTokenServer = false
    /// Where the credentials come from that were not good enough.
    let credentials: String?

    /// Takes what the answer says of its reasons.
    ///
    /// - Parameters:
    ///   - request: what was asked.
    ///   - response: the answer.
    ///   - credentials: where those come from that were sent; `nil` when there were none.
    ///   - now: seconds since 1970, for a registry that does not say what time it has.
    package init(
        _ request: HTTPRequest.Method, _ response: HTTPResponse, credentials: String? = nil,
        now: Int64 = Int64(time(nil))
    ) {
        self.credentials = credentials
        method = request
        url = response.url
        status = response.status
        diagnostics = Self.diagnostics(in: response.body)
        retryAfter = response.headers["Retry-After"].flatMap { text in
            // A date is one by the clock of the registry, which need not be ours.
            Int64(text)
                ?? HTTPDate.seconds(of: text).map { date in
                    date - (response.headers["Date"].flatMap(HTTPDate.seconds) ?? now)
                }
        }.map { min(max($0, 0), 1 << 30) }  // Beyond some point all numbers are the same: too long.
    }

    /// Statuses that pass: overload, rate limits, and gateways that lost what is behind them.
    package static let transientStatuses: Set<Int> = [408, 425, 429, 499, 500, 502, 503, 504, 522]

    /// Whether the same request may well succeed a little later.
    package var isTransient: Bool { Self.transientStatuses.contains(status) }

    package var kind: FailureKind {
        switch status {
        case 404 where (method == .get || method == .head) && !isOfTokenServer: .notFound
        case 401, 403: .denied
        default: .unavailable
        }
    }

    /// Whether one of the diagnostics has this code.
    package func has(_ codes: String...) -> Bool { diagnostics.contains { codes.contains($0.code) } }

    package var description: String {
        var text = "\(method.rawValue) \(url): the registry answered with status \(status)"
        if let reason = Self.reasons[status] { text += " (\(reason))" }
        let details = diagnostics.map { $0.code.isEmpty ? $0.message : "\($0.code): \($0.message)" }
        if !details.isEmpty { text += ": " + details.joined(separator: "; ") }
        // Some other server, or a proxy that wants people to log in to a network.
        if (200..<400).contains(status) { text += ", as a registry does not; is there one at this address?" }
        if let retryAfter, retryAfter > 0 { text += "; it asks to be left alone for \(retryAfter) s" }
        if kind == .denied, let credentials { text += "; the credentials are from \(credentials)" }
        // Whoever names credentials on the command line does not get those that are stored.
        let isStored = credentials?.hasPrefix("--") != true
        return status == 401 && isStored ? text + "; log in with 'esgz login' and try again" : text
    }

    private static let reasons = [
        400: "bad request", 401: "not authenticated", 403: "not allowed", 404: "not found", 405: "method not allowed",
        413: "too large", 416: "range not satisfiable", 429: "too many requests", 500: "internal error",
        502: "bad gateway", 503: "unavailable", 504: "gateway timed out",
    ]

    /// The errors of a JSON body, or the beginning of a body of another kind.
    private static func diagnostics(in body: [UInt8]) -> [Diagnostic] {
        // A body that is no JSON is normal: proxies answer in HTML.
        guard let root = try? JSON(parsing: body) else {
            let text = String(decoding: body.prefix(200), as: UTF8.self).trimmed.printable
            return text.isEmpty || text.hasPrefix("<") ? [] : [Diagnostic(code: "", message: text)]
        }
        let errors = root["errors"]?.array ?? []
        // Token servers send `details`, or what OAuth 2 prescribes.
        let lone = root["details"] ?? root["message"] ?? root["error_description"] ?? root["error"]
        let entries = errors.prefix(10).map { ($0["code"]?.string ?? "", $0["message"]?.string ?? "") }
        return (entries.isEmpty ? [("", lone?.string ?? "")] : entries)
            .filter { $0 != ("", "") }
            .map { Diagnostic(code: String($0.0.prefix(100)).printable, message: String($0.1.prefix(500)).printable) }
    }
}

/// A registry answered with success, but not as the protocol has it.
package enum RegistryAnswerFailure: Failure {
    case noLocation(HTTPURL)
    case noRegistry(HTTPURL)
    case noToken(HTTPURL)
    case tokenWithoutTLS(HTTPURL)
    case wrongRange(HTTPURL, String)
    case noRanges(HTTPURL, Int)
    case rangeTooLong(expected: Int)
    case blobTooLong(Digest, expected: Int64)
    case sizeMismatch(Digest, expected: Int64, found: Int64)
    case contradictoryTypes(header: MediaType, document: MediaType)

    package var kind: FailureKind {
        switch self {
        case .noLocation, .noRegistry, .noToken, .tokenWithoutTLS, .wrongRange, .noRanges, .rangeTooLong: .unavailable
        case .blobTooLong, .sizeMismatch, .contradictoryTypes: .invalid
        }
    }

    package var description: String {
        switch self {
        case .noLocation(let url): "\(url): expected a Location to upload to, but the answer has none"
        case .noRegistry(let url): "\(url): expected the answer of a registry, but this is some other server"
        case .noToken(let url): "\(url): expected a token of printable characters, but the answer has none"
        case .tokenWithoutTLS(let url): "refusing to send credentials to \(url), which has no TLS"
        case .wrongRange(let url, let found): "\(url): expected the range asked for, not '\(found.printable)'"
        case .noRanges(let url, let status):
            "\(url): expected a part of the blob with status 206, but the answer is all of it, with status \(status)"
        case .rangeTooLong(let expected): "expected \(expected) bytes of the blob, but more arrive"
        case .blobTooLong(let digest, let expected): "\(digest): expected \(expected) bytes, but more arrive"
        case .sizeMismatch(let digest, let expected, let found): "\(digest): expected \(expected) bytes, not \(found)"
        case .contradictoryTypes(let header, let document):
            "the registry says that the manifest is \(header.text.prefix(200).printable), the manifest itself says "
                + document.text.prefix(200).printable
        }
    }
}
