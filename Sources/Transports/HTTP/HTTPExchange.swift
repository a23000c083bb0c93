import Content

/// Sends one request and returns its answer: the only seam between the distribution protocol and libcurl.
package protocol HTTPExchanging: Sendable {
    /// - Throws: `HTTPFailure` when no answer came; answers with any status are returned. Redirects are not followed.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse
}

/// What is asked for, and where the answer goes.
package struct HTTPRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// A part of a source; read again from its start if the request has to be sent again.
        case source(any ByteSource, Range<Int64>)
    }

    /// Where the body of a successful answer goes. Other answers always end up in memory, cut at 64 KiB.
    package enum Receiver: Sendable {
        /// A longer body is an error.
        case memory(limit: Int64)
        case sink(any HTTPBodySink)
    }

    package var method: Method
    package var url: HTTPURL
    package var headers: HTTPHeaders
    package var body: Body
    package var receiver: Receiver
    /// Called with the position in `body` that has been reached; it falls back when the request is sent again.
    package var onSent: @Sendable (Int64) -> Void
    /// For TLS with this place alone, instead of what is laid down for the host; `nil` to look there.
    package var certificates: HostCertificates?
    /// For all hosts, instead of what was said of all requests.
    package var general: HostCertificates?
    /// What must not show up where requests are told of: an answer may have sent this one to an address that repeats it.
    package var secrets: [String] = []

    package init(
        _ method: Method, _ url: HTTPURL, headers: HTTPHeaders = HTTPHeaders(), body: Body = .none,
        receiver: Receiver = .memory(limit: HTTPResponse.diagnosticLimit),
        onSent: @escaping @Sendable (Int64) -> Void = { _ in }
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.receiver = receiver
        self.onSent = onSent
    }
}

/// Takes the body of a successful answer piece by piece, on the thread of the transfer.
package protocol HTTPBodySink: Sendable {
    /// Status and headers have arrived; the body of `response` is still empty.
    func begin(_ response: HTTPResponse) throws
    func append(_ bytes: UnsafeRawBufferPointer) throws
    /// Nothing more comes of this answer, be it complete or not.
    func end() throws
}

/// An answer of whatever status.
package struct HTTPResponse: Sendable {
    /// How much of an answer without success is kept.
    package static let diagnosticLimit: Int64 = 64 << 10

    package var status: Int
    package var headers: HTTPHeaders
    /// Where the answer came from, after redirects.
    package var url: HTTPURL
    package var body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = HTTPHeaders(), url: HTTPURL, body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.url = url
        self.body = body
    }

    package var isSuccess: Bool { (200..<300).contains(status) }
}

/// Header fields in the order in which they came; names are compared without case (RFC 9110, section 5.1).
package struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first field of that name. Setting replaces all of them.
    package subscript(name: String) -> String? {
        get { fields.first { Self.areEqual($0.name, name) }?.value }
        set {
            fields.removeAll { Self.areEqual($0.name, name) }
            if let newValue { fields.append((name, newValue)) }
        }
    }

    package func all(_ name: String) -> [String] {
        fields.filter { Self.areEqual($0.name, name) }.map(\.value)
    }

    package mutating func append(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    /// What may be a secret: each value, and its longer words. Shorter ones are found in any text.
    var secrets: [String] {
        fields.flatMap { [$0.value] + $0.value.split { " ,;=&\"".contains($0) }.map(String.init) }
            .filter { $0.utf8.count >= 8 }
    }

    /// Whether a field may have this name (RFC 9110, section 5.6.2).
    package static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                "!#$%&'*+-.^_`|~".utf8.contains(byte) || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
                    || (0x61...0x7a).contains(byte)
            }
    }

    private static func areEqual(_ first: String, _ second: String) -> Bool {
        first.lowercased() == second.lowercased()
    }
}
