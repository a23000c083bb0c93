import Content

/// An absolute `http` or `https` URL without user information and fragment (RFC 3986).
package struct HTTPURL: Hashable, Sendable {
    package enum Scheme: String, Sendable {
        case http, https

        var defaultPort: Int {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    package let scheme: Scheme
    /// Lower-case name or address; an IPv6 address stands in brackets.
    package let host: String
    package let port: Int
    /// Path and query, as sent in a request line.
    package let target: String

    /// - Throws: `URLFailure` that shows neither user information nor query.
    package init(parsing text: String) throws(URLFailure) {
        guard let colon = text.firstRange(of: "://"),
            let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased())
        else { throw URLFailure(text) }
        let rest = text[colon.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        guard let (host, port) = Self.split(authority: rest[..<end]) else { throw URLFailure(text) }
        let target = rest[end...].prefix { $0 != "#" }
        guard let target = Self.escape(target.hasPrefix("/") ? String(target) : "/\(target)") else {
            throw URLFailure(text)
        }
        self.init(scheme: scheme, host: host, port: port ?? scheme.defaultPort, target: target)
    }

    private init(scheme: Scheme, host: String, port: Int, target: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
    }

    /// The whole URL, query included: for the request, never for a message.
    package var text: String { origin + target }

    /// Scheme, host and port.
    package var origin: String { "\(scheme.rawValue)://\(hostAndPort)" }

    /// The host, followed by the port unless it is the usual one of the scheme.
    package var hostAndPort: String { port == scheme.defaultPort ? host : "\(host):\(port)" }

    /// Credentials for one URL may go to the other only if this holds.
    package func hasSameOrigin(as other: HTTPURL) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// Whether the host is this machine.
    package var isLoopback: Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" || isLoopbackAddress
    }

    /// The URL that `reference` stands for in an answer to this one (RFC 3986, section 5.2).
    ///
    /// Dot segments stay: libcurl removes them.
    package func resolving(_ reference: String) throws(URLFailure) -> HTTPURL {
        let path = target.prefix { $0 != "?" }
        let directory = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        let beforeQuery = reference.prefix { !"?#".contains($0) }
        if beforeQuery.contains("://") { return try HTTPURL(parsing: reference) }
        if reference.hasPrefix("//") { return try HTTPURL(parsing: "\(scheme.rawValue):\(reference)") }
        if reference.hasPrefix("/") { return try HTTPURL(parsing: origin + reference) }
        if reference.hasPrefix("?") { return try HTTPURL(parsing: origin + path + reference) }
        return try HTTPURL(parsing: origin + directory + reference)
    }

    /// The URL that an answer of a server leads to.
    ///
    /// - Throws: `HTTPFailure.badLocation`, which blames the server.
    func following(_ location: String) throws -> HTTPURL {
        do {
            return try resolving(location)
        } catch {
            throw HTTPFailure.badLocation(from: self, error)
        }
    }

    /// The same URL with one more query parameter; what is there already stays byte for byte.
    ///
    /// Upload sessions keep their state in the query, which only the registry understands.
    package func appending(_ name: String, _ value: String) -> HTTPURL {
        let separator = target.hasSuffix("?") || target.hasSuffix("&") ? "" : target.contains("?") ? "&" : "?"
        return HTTPURL(
            scheme: scheme, host: host, port: port, target: "\(target)\(separator)\(name)=\(Self.encode(value))")
    }

    private var isLoopbackAddress: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// User information is refused: nobody needs it here, and it would end up in messages.
    private static func split(authority: Substring) -> (host: String, port: Int?)? {
        var host = authority
        var port: Int?
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            host = authority[..<colon]
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits), number > 0 else {
                return nil
            }
            port = Int(number)
        }
        let isAddress = host.hasPrefix("[") && host.hasSuffix("]")
        let name = isAddress ? host.dropFirst().dropLast() : host
        guard !name.isEmpty, name.utf8.count <= 255, name.utf8.allSatisfy({ isHostByte($0, inBrackets: isAddress) })
        else { return nil }
        return (host.lowercased(), port)
    }

    private static func isHostByte(_ byte: UInt8, inBrackets: Bool) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: ".")
            || (inBrackets ? byte == UInt8(ascii: ":") : byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_"))
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    /// Escapes what may not stand in a request line; `nil` for control characters, which could end it.
    static func escape(_ target: String) -> String? {
        var result: [UInt8] = []
        for byte in target.utf8 {
            guard byte >= 0x20, byte != 0x7f else { return nil }
            if byte == 0x20 || byte >= 0x80 { result += percent(byte) } else { result.append(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Escapes everything that could mean something in a query or a form.
    static func encode(_ value: String) -> String {
        var result: [UInt8] = []
        for byte in value.utf8 {
            if isAlphanumeric(byte) || "-._~".utf8.contains(byte) {
                result.append(byte)
            } else {
                result += percent(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func percent(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
}

extension HTTPURL: CustomStringConvertible {
    /// For messages: without the query, which may hold signatures of storage services.
    package var description: String {
        target.contains("?") ? "\(origin)\(target.prefix { $0 != "?" })?…" : text
    }
}

/// Text that was expected to be a URL, or the name of a registry.
package struct URLFailure: Failure {
    /// Without user information and query.
    let text: String

    init(_ text: String) {
        let shown = text.prefix { !"?#".contains($0) }
        if let end = shown.lastIndex(of: "@") {
            self.text = "…\(shown[end...].prefix(200))"
        } else if text.contains("@") {
            // Either a query, or a password with one of these characters in it.
            self.text = "\(shown.firstRange(of: "://").map { shown[..<$0.upperBound] } ?? "")…"
        } else {
            self.text = String(shown.prefix(200))
        }
    }

    package var kind: FailureKind { .invalid }
    package var description: String { "expected an http or https URL, not '\(text.printable)'" }
}
