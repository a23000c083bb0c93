import ArgumentParser
import Transports

/// How requests travel, and what becomes of those that fail.
struct NetworkOptions: ParsableArguments {
    @Option(
        name: [.long, .customLong("retry-times")],
        help: ArgumentHelp(
            "Send a request that fails for a passing reason again, up to this often.", valueName: "count"))
    var retry = 4

    @Option(
        help: ArgumentHelp(
            "Wait this long before the first time, and longer each time after; a registry that names a time gets that.",
            valueName: "time"))
    var retryDelay = TimeSpan(milliseconds: 100)

    @Option(
        help: ArgumentHelp(
            """
            Give a connection up on which less than 1 KiB a second has moved for this long; the answer to an upload may \
            take five times as long.
            """, valueName: "time"))
    var timeout = TimeSpan(milliseconds: 60000)

    @Option(
        help: ArgumentHelp(
            "Move at most this many bytes a second, up and down, over all transfers together.", valueName: "size"))
    var limitRate: ByteCount?

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp(
            "Send this header, NAME: VALUE, to the registries of SRC and DST, and to nobody else; repeat it.",
            valueName: "header"))
    var headerTexts: [String] = []

    @Option(
        help: ArgumentHelp(
            "Connect to this address instead of asking a name server for the host; repeat it.",
            valueName: "host:port:address"))
    var resolve: [String] = []

    @Flag(name: [.short, .long], help: "Show each request on stderr, without headers and queries.")
    var verbose = false

    func validate() throws {
        guard (0...100).contains(retry) else { throw ValidationError("--retry: expected 0 to 100, not \(retry)") }
        guard retryDelay.milliseconds <= 3_600_000 else {
            throw ValidationError("--retry-delay: expected at most 1h, not \(retryDelay)")
        }
        guard (1...86_400_000).contains(timeout.milliseconds) else {
            throw ValidationError("--timeout: expected 1ms to 24h, not \(timeout)")
        }
        if let limitRate, limitRate.bytes < 1 << 10 {
            throw ValidationError("--limit-rate: expected at least 1KiB, not \(limitRate)")
        }
        for text in headerTexts { _ = try Self.header(text) }
        for text in resolve { try Self.checkAddress(text) }
    }

    var http: HTTPOptions {
        var options = HTTPOptions()
        options.stallTimeout = timeout.duration
        options.rateLimit = limitRate?.bytes
        options.addresses = resolve
        return options
    }

    var retryPolicy: RetryPolicy { RetryPolicy(retries: retry, firstDelay: retryDelay.duration) }

    var headers: HTTPHeaders {
        get throws {
            var headers = HTTPHeaders()
            for (name, value) in try headerTexts.map(Self.header) { headers.append(name, value) }
            return headers
        }
    }

    /// Name and value of `NAME: VALUE`.
    ///
    /// - Throws: a mistake of usage that does not show the value, which may be secret.
    private static func header(_ text: String) throws -> (name: String, value: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard parts.count == 2, HTTPHeaders.isName(name) else {
            throw ValidationError("--header: expected NAME: VALUE, with a name of letters, digits and hyphens")
        }
        guard parts[1].utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw ValidationError("--header: expected a value without control characters for \(name)")
        }
        switch name.lowercased() {
        case "authorization":
            throw ValidationError("--header: expected no \(name); say --registry-token or --creds, or log in")
        case "connection", "content-length", "content-range", "content-type", "expect", "host", "range",
            "transfer-encoding":
            throw ValidationError("--header: expected no \(name), which depends on the request")
        default: return (name, String(parts[1].drop { $0 == " " }))
        }
    }

    private static func checkAddress(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[2].isEmpty, UInt16(parts[1]).map({ $0 > 0 }) ?? false,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
        else { throw ValidationError("--resolve: expected HOST:PORT:ADDRESS, not '\(text.filter(\.isASCII))'") }
    }
}
