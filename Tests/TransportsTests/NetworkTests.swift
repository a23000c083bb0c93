import Content
import OCI
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// What all requests of a run have in common.
@Suite(.timeLimit(.minutes(15)))
struct NetworkTests {
    private static let manifest = Array(#"{"schemaVersion":2,"config":{},"layers":[]}"#.utf8)
    private static let type = ["Content-Type": "application/vnd.oci.image.manifest.v1+json"]
    private static let get = "GET /v2/app/manifests/1"
    private let heard = Mutexed<[String]>([])

    private var lines: [String] { heard.value.withLock { $0 } }

    private func client(_ change: (inout HTTPOptions) -> Void) -> CurlClient {
        var options = HTTPOptions()
        change(&options)
        return CurlClient(insecure: false, certificateDirectories: [], options: options)
    }

    private func open(_ text: String, _ network: Network, plainHTTP: Bool = false) throws -> any ImageSource {
        try ImageLocation(parsing: text).openSource(
            TransportOptions(temporaryDirectory: "/tmp", network: network, plainHTTP: plainHTTP))
    }

    private func network(_ http: CurlClient, headers: HTTPHeaders = HTTPHeaders()) -> Network {
        Network(http, headers: headers) { [heard] line in heard.value.withLock { $0.append(line) } }
    }

    @Test func aWarningOfTheRegistryIsToldOnce() async throws {
        let warning = { (text: String) in Self.type.merging(["Warning": text]) { $1 } }
        let rows = [
            #"299 - "the tag \"1\" goes away""#, #"299 - "the tag \"1\" goes away""#, "299 - \"\u{1b}[31mred\"",
            "299 - \"\u{202e}der\"", #"110 cache "stale""#, #"299 - """#, "299", "", #"299 - "no end"#,
        ].map { Exchange(Self.get, 200, warning($0), body: Self.manifest) }
        try await withScript(rows) { server in
            let name = "127.0.0.1:\(server.port)"
            let source = try open("docker://\(name)/app:1", network(client { _ in }))
            for _ in rows { _ = try await source.resolve() }
            #expect(
                lines == [
                    "\(name): the tag \"1\" goes away", "\(name): \u{fffd}[31mred", "\(name): \u{fffd}der",
                    "\(name): no end",
                ])
            #expect(server.deviations == [])
        }
    }

    @Test func aRegistryIsNotListenedToForEver() async throws {
        let rows = (0..<50).map { number in
            Exchange(Self.get, 200, Self.type.merging(["Warning": #"299 - "\#(number)""#]) { $1 }, body: Self.manifest)
        }
        try await withScript(rows) { server in
            let source = try open("docker://127.0.0.1:\(server.port)/app:1", network(client { _ in }))
            for _ in rows { _ = try await source.resolve() }
            #expect(lines.count == 20)
        }
    }

    @Test func headersGoToTheRegistryAndToNobodyElse() async throws {
        let isTold = { @Sendable (request: ScriptedHTTP.Request) in request["x-team"] == "blue" }
        let isNotTold = { @Sendable (request: ScriptedHTTP.Request) in request["x-team"] == nil }
        let layer = Array("layer".utf8)
        let others = [
            Exchange(
                "GET /token?scope=repository%3Aapp%3Apull", 200, body: Array(#"{"token":"t"}"#.utf8), where: isNotTold),
            Exchange("GET /far", 200, body: layer, where: isNotTold),
        ]
        try await withScript(others) { other in
            let challenge = ["WWW-Authenticate": #"Bearer realm="\#(other.origin)/token""#]
            let rows = [
                Exchange(Self.get, 401, challenge, where: isTold),
                Exchange(Self.get, 200, Self.type, body: Self.manifest, where: isTold),
                Exchange(
                    "GET /v2/app/blobs/\(Digest(of: layer))", 307, ["Location": "\(other.origin)/far"], where: isTold),
            ]
            try await withScript(rows) { server in
                let source = try open(
                    "docker://127.0.0.1:\(server.port)/app:1", network(client { _ in }, headers: ["X-Team": "blue"]))
                _ = try await source.resolve()
                let bytes = try await source.withBlob(blob(layer)) { _ in
                } _: { blob in
                    try await onThread { try blob.allBytes(5) }
                }
                #expect(bytes == layer)
                #expect(server.deviations + other.deviations == [])
            }
        }
    }

    @Test func aHostIsFoundAtTheAddressGiven() async throws {
        let row = Exchange(Self.get, 200, Self.type, body: Self.manifest) {
            $0["host"]?.hasPrefix("registry.test:") == true
        }
        try await withScript([row]) { server in
            let http = client { $0.addresses = ["registry.test:\(server.port):127.0.0.1"] }
            let source = try open("docker://registry.test:\(server.port)/app:1", network(http), plainHTTP: true)
            #expect(try await source.resolve().digest == Digest(of: Self.manifest))
            #expect(server.deviations == [])
        }
    }

    @Test func theTraceTellsOfRequestsAndOfNothingSecret() async throws {
        let rows = [
            Exchange("PUT /a?state=secret", 201, ["Set-Cookie": "secret"], body: [1, 2, 3]), Exchange("GET /b", 404),
        ]
        try await withScript(rows) { server in
            let http = client { $0.trace = { [heard] line in heard.value.withLock { $0.append(line) } } }
            let url = try HTTPURL(parsing: server.origin)
            _ = try await http.send(
                HTTPRequest(
                    .put, try url.resolving("/a?state=secret"), headers: ["Authorization": "Basic secret"],
                    body: .bytes([1, 2])))
            _ = try await http.send(HTTPRequest(.get, try url.resolving("/b")))
            server.stop()
            let gone = HTTPRequest(.get, try HTTPURL(parsing: "http://127.0.0.1:1/c"))
            await #expect(throws: HTTPFailure.self) { try await http.send(gone) }
            #expect(lines.count == 3)
            #expect(lines[0].hasPrefix("PUT \(server.origin)/a?…: HTTP/1 201, 2 bytes sent, 3 bytes received, "))
            #expect(lines[1].hasPrefix("GET \(server.origin)/b: HTTP/1 404, 0 bytes sent, 0 bytes received, "))
            #expect(lines[2].hasPrefix("GET http://127.0.0.1:1/c: no answer, 0 bytes sent, 0 bytes received, "))
            #expect(!lines.contains { $0.contains("secret") })
        }
    }

    @Test func noMoreTransfersRunAtATimeThanAllowed() async throws {
        var row = Exchange("GET /", 200, body: [1])
        // Each waits for a second one, so that two are seen to run at a time.
        row.company = 2
        try await withScript(Array(repeating: row, count: 12)) { server in
            let http = client { $0.transfers = 2 }
            let url = try HTTPURL(parsing: server.origin)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<12 { group.addTask { try await http.send(HTTPRequest(.get, url)).status } }
                for try await status in group { #expect(status == 200) }
            }
            #expect(server.mostAtOnce == 2)
            #expect(server.deviations == [])
        }
    }

    @Test func allTransfersTogetherKeepToTheRate() async throws {
        let bytes = [UInt8](repeating: 1, count: 100_000)
        let rows = [Exchange("GET /", 200, body: bytes), Exchange("PUT /", 201)]
        try await withScript(rows) { server in
            let http = client { $0.rateLimit = 500_000 }
            let url = try HTTPURL(parsing: server.origin)
            let start = ContinuousClock.now
            async let down = http.send(HTTPRequest(.get, url, receiver: .memory(limit: 1 << 20)))
            async let up = http.send(HTTPRequest(.put, url, body: .bytes(bytes)))
            #expect(try await down.body == bytes)
            #expect(try await up.status == 201)
            // 200,000 bytes at 500,000 a second, measured a little short of it.
            #expect(ContinuousClock.now - start >= .milliseconds(390))
        }
    }

    @Test func cancellingEndsATransferThatIsMadeSlow() async throws {
        let row = Exchange("GET /", 200, body: [UInt8](repeating: 1, count: 1 << 20))
        try await withScript([row]) { server in
            let http = client { $0.rateLimit = 1 << 10 }
            let url = try HTTPURL(parsing: server.origin)
            // Left alone, it would succeed after 1024 seconds.
            await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await http.send(HTTPRequest(.get, url, receiver: .memory(limit: 1 << 20))) }
                    try await onThread { server.waitForRequests(1) }
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func whereNothingMovesTheConnectionCountsAsBroken() async throws {
        var row = Exchange("GET /", 200, body: [1, 2, 3], cut: 1)
        row.stalls = true
        try await withScript([row]) { server in
            let http = client { $0.stallTimeout = .milliseconds(100) }
            let failure = await #expect(throws: HTTPFailure.self) {
                try await http.send(HTTPRequest(.get, try HTTPURL(parsing: server.origin)))
            }
            #expect(failure?.isTransient == true)
        }
    }

    /// At 16 KiB a second the whole takes longer than nothing may move; 400 bytes a second are too few.
    @Test(arguments: [(4096, true), (100, false)])
    func howSlowATransferMayBeIsAMatterOfItsRate(bytes: Int, isFast: Bool) async throws {
        let body = [UInt8](repeating: 1, count: 16 * bytes)
        var row = Exchange("GET /", 200, body: body)
        row.drip = (bytes, .milliseconds(250))
        try await withScript([row]) { server in
            let http = client { $0.stallTimeout = .seconds(2) }
            let request = HTTPRequest(.get, try HTTPURL(parsing: server.origin))
            let start = ContinuousClock.now
            if isFast {
                #expect(try await http.send(request).body == body)
                #expect(ContinuousClock.now - start > .seconds(3))
            } else {
                let failure = await #expect(throws: HTTPFailure.self) { try await http.send(request) }
                #expect(failure?.isTransient == true)
            }
        }
    }

    /// Who opens an upload or asks for a token waits for no storage.
    @Test(arguments: [HTTPRequest.Method.get, .post, .delete], [HTTPRequest.Method.patch, .put])
    func onlyUploadsWaitLonger(method: HTTPRequest.Method, upload: HTTPRequest.Method) async throws {
        let rows = [method, upload].map { method in
            var row = Exchange("\(method.rawValue) /", 200, body: [1], cut: 0)
            row.stalls = true
            return row
        }
        try await withScript(rows) { server in
            let http = client { $0.stallTimeout = .seconds(1) }
            let url = try HTTPURL(parsing: server.origin)
            let first = await withTaskGroup(of: HTTPRequest.Method.self) { group in
                for method in [upload, method] {
                    group.addTask {
                        await #expect(throws: HTTPFailure.self) {
                            try await http.send(HTTPRequest(method, url, body: .bytes([1])))
                        }
                        return method
                    }
                }
                return await group.next()
            }
            #expect(first == method)
        }
    }

    @Test(arguments: [1, 3])
    func connectionsAreKept(transfers: Int) async throws {
        let server = try ScriptedHTTP([], keepsConnections: true) { Exchange($0.line, 200, body: [1]) }
        defer { server.stop() }
        let http = client { $0.transfers = transfers }
        let url = try HTTPURL(parsing: server.origin)
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for number in 0..<60 {
                let path = try url.resolving("/\(number)")
                group.addTask {
                    let body: HTTPRequest.Body = number % 3 == 0 ? .bytes([1, 2]) : .none
                    return try await http.send(HTTPRequest(number % 3 == 0 ? .put : .get, path, body: body)).body
                }
            }
            for try await body in group { #expect(body == [1]) }
        }
        #expect(server.requests.count == 60)
        #expect((1...transfers).contains(server.connections))
    }

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"))
    func aServerThatSpeaksHTTP2IsSpokenToSo() async throws {
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory, certificate: try LocalRegistry.certificate(in: directory))
            defer { registry.stop() }
            var options = HTTPOptions()
            options.trace = { [heard] line in heard.value.withLock { $0.append(line) } }
            let http = CurlClient(insecure: true, certificateDirectories: [], options: options)
            let url = try HTTPURL(parsing: "https://\(registry.name)/v2/")
            #expect(try await http.send(HTTPRequest(.get, url)).status == 200)
            #expect(lines.first?.contains(": HTTP/2 200, ") == true)
        }
    }
}
