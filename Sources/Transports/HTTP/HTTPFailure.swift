import Content

/// Why a request got no usable answer.
package enum HTTPFailure: Failure {
    /// What libcurl could not do, as far as it matters for what comes next.
    package enum Cause: Sendable {
        /// No connection: name, route, port.
        case unreachable
        /// The connection broke, or nothing moved for too long.
        case broken
        /// TLS could not be agreed upon.
        case handshake
        /// The certificate of the server was not accepted.
        case certificate
        /// The server wants another certificate of ours, or ours cannot be read.
        case clientCertificate
        /// Anything that will not go away by trying again.
        case other
    }

    case transfer(Cause, HTTPRequest.Method, HTTPURL, message: String)
    case answerTooLarge(HTTPURL, limit: Int64)
    case headersTooLarge(HTTPURL, limit: Int)
    case malformedHeader(name: String)
    case tooManyRedirects(HTTPURL, limit: Int)
    case redirectWithoutTLS(from: HTTPURL, to: HTTPURL)
    case badLocation(from: HTTPURL, URLFailure)

    package var kind: FailureKind {
        switch self {
        case .transfer, .headersTooLarge, .tooManyRedirects, .redirectWithoutTLS, .badLocation: .unavailable
        case .answerTooLarge, .malformedHeader: .invalid
        }
    }

    /// Whether the same request may well succeed a little later.
    package var isTransient: Bool {
        switch self {
        case .transfer(.unreachable, _, _, _), .transfer(.broken, _, _, _): true
        default: false
        }
    }

    package var description: String {
        switch self {
        case .transfer(let cause, let method, let url, let message):
            "\(method.rawValue) \(url): \(message.printable)" + Self.remedy(cause, url)
        case .answerTooLarge(let url, let limit):
            "\(url): expected an answer of at most \(limit) bytes, but it is longer"
        case .headersTooLarge(let url, let limit):
            "\(url): expected at most \(limit) bytes of headers, but there are more"
        case .malformedHeader(let name): "the value of the header field '\(name)' holds a control character"
        case .tooManyRedirects(let url, let limit): "\(url): expected at most \(limit) redirects in a row"
        case .redirectWithoutTLS(let from, let to): "\(from): refusing to follow a redirect to \(to), which has no TLS"
        case .badLocation(let from, let failure): "\(from): the answer leads elsewhere: \(failure)"
        }
    }

    private static func remedy(_ cause: Cause, _ url: HTTPURL) -> String {
        switch cause {
        case .handshake: "; if the registry speaks plain HTTP, use --plain-http to talk to it without TLS"
        case .certificate:
            """
            ; trust the certificate of its authority with --ca-file, or put it into \
            /etc/containers/certs.d/\(url.hostAndPort)/ca.crt
            """
        case .clientCertificate:
            """
            ; name a certificate in PEM that the registry knows with --cert-file and --key-file, or put it into \
            /etc/containers/certs.d/\(url.hostAndPort)/ as client.cert and client.key
            """
        case .unreachable, .broken, .other: ""
        }
    }
}
