import Content
import OCI
import TestSupport
import Testing

@testable import Transports

/// The client against scripted answers of a registry.
@Suite(.timeLimit(.minutes(15)))
struct RegistryPullTests {
    private static let manifest = Array(#"{"schemaVersion":2,"config":{},"layers":[]}"#.utf8)
    private static let type = ["Content-Type": "application/vnd.oci.image.manifest.v1+json; charset=utf-8"]
    private static let get = "GET /v2/app/manifests/1"
    private static let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    private static let getBlob = "GET /v2/app/blobs/\(Digest(of: bytes))"

    // MARK: Logging in

    private static let challenge = [
        "WWW-Authenticate": #"Bearer realm="{origin}/token",service="the registry",scope="ignored""#
    ]
    private static let token = "GET /token?service=the%20registry&scope=repository%3Aapp%3Apull"

    @Test(arguments: [nil, Credentials(username: "user", password: "secret")], ["token", "access_token"])
    func aTokenIsFetchedWhenTheRegistryAsksForIt(credentials: Credentials?, field: String) async throws {
        let rows = [
            Exchange(Self.get, 401, Self.challenge) { $0["authorization"] == nil },
            Exchange(Self.token, 200, body: Array(#"{"\#(field)":"abc","expires_in":86400}"#.utf8)) {
                $0["authorization"] == credentials?.basic
            },
            Exchange(Self.get, 200, Self.type, body: Self.manifest) { $0["authorization"] == "Bearer abc" },
            // The second request knows what is wanted.
            Exchange(Self.get, 200, Self.type, body: Self.manifest) { $0["authorization"] == "Bearer abc" },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: credentials)
            #expect(try await client.registry.resolve().digest == Digest(of: Self.manifest))
            _ = try await client.registry.resolve()
            #expect(server.deviations == [])
        }
    }

    @Test func basicAuthenticationIsRemembered() async throws {
        let credentials = Credentials(username: "user", password: "secret")
        let rows = [
            Exchange(Self.get, 401, ["WWW-Authenticate": "Basic realm=x"]) { $0["authorization"] == nil },
            Exchange(Self.get, 200, Self.type, body: Self.manifest) { $0["authorization"] == credentials.basic },
            Exchange(Self.get, 200, Self.type, body: Self.manifest) { $0["authorization"] == credentials.basic },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: credentials)
            _ = try await client.registry.resolve()
            _ = try await client.registry.resolve()
            #expect(server.deviations == [])
        }
    }

    @Test func anExpiredTokenIsRenewedOnce() async throws {
        let token = { (text: String) in
            Exchange(Self.token, 200, body: Array(#"{"token":"\#(text)","expires_in":86400}"#.utf8))
        }
        let rows = [
            Exchange(Self.get, 401, Self.challenge), token("old"),
            Exchange(Self.get, 200, Self.type, body: Self.manifest) { $0["authorization"] == "Bearer old" },
            Exchange(Self.get, 401, Self.challenge) { $0["authorization"] == "Bearer old" }, token("new"),
            Exchange(Self.get, 200, Self.type, body: Self.manifest) { $0["authorization"] == "Bearer new" },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            _ = try await client.registry.resolve()
            _ = try await client.registry.resolve()
            #expect(server.deviations == [])
        }
    }

    @Test func aRegistryThatRefusesFreshTokensEndsTheMatter() async throws {
        let rows = [
            Exchange(Self.get, 401, Self.challenge),
            Exchange(Self.token, 200, body: Array(#"{"token":"abc","expires_in":86400}"#.utf8)),
            Exchange(
                Self.get, 401, Self.challenge,
                body: Array(#"{"errors":[{"code":"DENIED","message":"abc is bad"}]}"#.utf8)),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryFailure.self) { try await client.registry.resolve() }
            #expect(failure?.kind == .denied)
            // It echoes the token, so nothing of what it says is shown.
            #expect(failure?.description.contains("abc") == false)
            #expect(server.deviations == [])
            #expect(client.delays == [])
        }
    }

    @Test func requestsThatNeedTheSameTokenFetchItOnce() async throws {
        try await withScript([Exchange(Self.token, 200, body: Array(#"{"token":"abc","expires_in":86400}"#.utf8))]) {
            server in
            let origin = try HTTPURL(parsing: server.origin)
            let authenticator = Authenticator(
                for: origin, credentials: nil, over: CurlClient(insecure: false), retry: RetryPolicy())
            let challenge = Challenge.parse([#"Bearer realm="\#(server.origin)/token",service="the registry""#])
            let answers = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await authenticator.authorization(insteadOf: nil, challenge, for: .pull("app"))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers == Array(repeating: "Bearer abc", count: 20))
            #expect(server.deviations == [])
        }
    }

    /// A tenth before its end, since requests take their time.
    @Test func aTokenThatHasEndedIsReplacedBeforeTheRegistryRefusesIt() async throws {
        let rows = ["one", "two"].map {
            Exchange(Self.token, 200, body: Array(#"{"token":"\#($0)","expires_in":100}"#.utf8))
        }
        try await withScript(rows) { server in
            let start = ContinuousClock.now
            let passed = Monitor(Duration.zero)
            let authenticator = Authenticator(
                for: try HTTPURL(parsing: server.origin), credentials: nil, over: CurlClient(insecure: false),
                retry: RetryPolicy()
            ) { start + passed.withLock { $0 } }
            let challenge = Challenge.parse([#"Bearer realm="\#(server.origin)/token",service="the registry""#])
            _ = try await authenticator.authorization(insteadOf: nil, challenge, for: .pull("app"))
            for (seconds, token) in [(0, "one"), (89, "one"), (91, "two"), (180, "two")] {
                passed.withLock { $0 = .seconds(seconds) }
                #expect(try await authenticator.authorization(for: .pull("app")) == "Bearer \(token)", "\(seconds)")
            }
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: [#"{"token":"a\r\nX: y"}"#, #"{"token":""}"#, "{}"])
    func aTokenThatIsNoneIsRefused(body: String) async throws {
        let rows = [Exchange(Self.get, 401, Self.challenge), Exchange(Self.token, 200, body: Array(body.utf8))]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryAnswerFailure.self) { try await client.registry.resolve() }
            #expect(failure?.kind == .unavailable)
        }
    }

    @Test func credentialsDoNotGoToATokenServerWithoutTLS() async throws {
        try await withScript([]) { server in
            let authenticator = Authenticator(
                for: try HTTPURL(parsing: "https://registry.example"),
                credentials: Credentials(username: "user", password: "secret"), over: CurlClient(insecure: false),
                retry: RetryPolicy())
            let challenge = Challenge.parse([#"Bearer realm="\#(server.origin)/token""#])
            await #expect(throws: RegistryAnswerFailure.self) {
                try await authenticator.authorization(insteadOf: nil, challenge, for: .pull("app"))
            }
            #expect(server.requests.isEmpty)
        }
    }

    // MARK: Trying again

    @Test func aRegistryThatIsBusyIsAskedAgainWhenItWants() async throws {
        let rows = [
            Exchange(Self.get, 429, ["Retry-After": "7"]), Exchange(Self.get, 503),
            Exchange(Self.get, 200, Self.type, body: Self.manifest),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            _ = try await client.registry.resolve()
            #expect(client.delays == [.seconds(7), .milliseconds(400)])
        }
    }

    @Test func afterFiveTriesTheLastAnswerIsTold() async throws {
        let body = Array(#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow \u001b[31mdown"}]}"#.utf8)
        try await withScript(Array(repeating: Exchange(Self.get, 429, body: body), count: 5)) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryFailure.self) { try await client.registry.resolve() }
            #expect(failure?.kind == .unavailable)
            #expect(failure?.description.contains("TOOMANYREQUESTS: slow \u{fffd}[31mdown") == true)
            #expect(server.deviations == [])
        }
    }

    @Test func aBrokenBlobIsContinued() async throws {
        let rest = Array(Self.bytes[60_000...])
        let rows = [
            Exchange(Self.getBlob, 200, body: Self.bytes, cut: 60_000) { $0["range"] == nil },
            Exchange(Self.getBlob, 206, ["Content-Range": "bytes 60000-99999/100000"], body: rest) {
                $0["range"] == "bytes=60000-"
            },
        ]
        try await withScript(rows) { server in
            let bytes = try await ScriptedClient(server).bytes(of: blob(Self.bytes))
            #expect(bytes == Self.bytes)
            #expect(server.deviations == [])
        }
    }

    @Test func aRegistryWithoutRangesSendsItAllAgain() async throws {
        let rows = [
            Exchange(Self.getBlob, 200, body: Self.bytes, cut: 60_000), Exchange(Self.getBlob, 200, body: Self.bytes),
        ]
        try await withScript(rows) { server in
            let bytes = try await ScriptedClient(server).bytes(of: blob(Self.bytes))
            #expect(bytes == Self.bytes)
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: [
        (416, [:]), (206, ["Content-Range": "bytes 0-99999/100000"]), (206, [:]), (206, ["Content-Range": "x"]),
    ])
    func aRegistryThatCannotDoRangesIsAskedForItAll(status: Int, headers: [String: String]) async throws {
        let rows = [
            Exchange(Self.getBlob, 200, body: Self.bytes, cut: 60_000),
            Exchange(Self.getBlob, status, headers, body: Self.bytes) { $0["range"] == "bytes=60000-" },
            Exchange(Self.getBlob, 200, body: Self.bytes) { $0["range"] == nil },
        ]
        try await withScript(rows) { server in
            let bytes = try await ScriptedClient(server).bytes(of: blob(Self.bytes))
            #expect(bytes == Self.bytes)
            #expect(server.deviations == [])
        }
    }

    @Test func aDocumentThatWasChangedOnItsWayIsFetchedAgain() async throws {
        let promise = Self.type.merging(["Docker-Content-Digest": "\(Digest(of: Self.manifest))"]) { $1 }
        var changed = Self.manifest
        changed[20] ^= 1
        let rows = [
            Exchange(Self.get, 200, promise, body: changed), Exchange(Self.get, 200, promise, body: Self.manifest),
            Exchange(Self.getBlob, 200, body: changed), Exchange(Self.getBlob, 200, body: Self.bytes),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            #expect(try await client.registry.resolve().digest == Digest(of: Self.manifest))
            // A configuration need not be JSON to be fetched, but to be understood.
            await #expect(throws: JSONFailure.self) {
                try await client.registry.document(
                    Descriptor(mediaType: .ociConfiguration, digest: Digest(of: Self.bytes), size: 100_000))
            }
            #expect(client.delays.count == 2)
            #expect(server.deviations == [])
        }
    }

    @Test func aBlobThatKeepsBreakingFails() async throws {
        let rows = Array(repeating: Exchange(Self.getBlob, 200, body: Self.bytes, cut: 10), count: 5)
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: HTTPFailure.self) { try await client.bytes(of: blob(Self.bytes)) }
            #expect(failure?.kind == .unavailable)
            #expect(server.deviations == [])
        }
    }

    // MARK: Documents

    @Test(arguments: [
        ("text/plain", #"{"mediaType":"application/vnd.oci.image.index.v1+json"}"#, MediaType.ociIndex),
        ("application/json", #"{"layers":[]}"#, .ociManifest), ("application/json", #"{"manifests":[]}"#, .ociIndex),
        ("application/vnd.docker.distribution.manifest.v2+json", #"{"layers":[]}"#, .dockerManifest),
    ])
    func theTypeOfAManifestIsFound(header: String, body: String, expected: MediaType) async throws {
        let row = Exchange(Self.get, 200, ["Content-Type": header], body: Array(body.utf8))
        try await withScript([row]) { server in
            let registry = try ScriptedClient(server).registry
            #expect(try await registry.resolve().mediaType == expected)
        }
    }

    @Test func theRootIsNotFetchedTwice() async throws {
        try await withScript([Exchange(Self.get, 200, Self.type, body: Self.manifest)]) { server in
            let registry = try ScriptedClient(server).registry
            let root = try await registry.resolve()
            #expect(try await registry.document(root).bytes == Self.manifest)
            #expect(server.deviations == [])
        }
    }

    // MARK: Redirects

    @Test func credentialsStayBehindWhenABlobIsElsewhere() async throws {
        let credentials = Credentials(username: "user", password: "secret")
        let far = Exchange("GET /far?signature=1", 200, body: Self.bytes) { $0["authorization"] == nil }
        try await withScript([far]) { storage in
            let rows = [
                Exchange(Self.getBlob, 401, ["WWW-Authenticate": "Basic"]),
                Exchange(Self.getBlob, 307, ["Location": "/near"]) { $0["authorization"] != nil },
                Exchange("GET /near", 302, ["Location": "\(storage.origin)/far?signature=1"]) {
                    $0["authorization"] != nil
                },
            ]
            try await withScript(rows) { server in
                let client = try ScriptedClient(server, credentials: credentials)
                let bytes = try await client.bytes(of: blob(Self.bytes))
                #expect(bytes == Self.bytes)
                #expect(server.deviations + storage.deviations == [])
            }
        }
    }

    /// Storage services repeat what they were asked, and so the signature with which they were.
    @Test func whatAnotherHostSaysOfARequestIsNotShown() async throws {
        let far = Exchange("GET /far?signature=SECRET", 403, body: Array("<Signature>SECRET</Signature> denied".utf8))
        try await withScript([far]) { storage in
            let rows = [Exchange(Self.getBlob, 307, ["Location": "\(storage.origin)/far?signature=SECRET"])]
            try await withScript(rows) { server in
                let failure = await #expect(throws: (any Error).self) {
                    try await ScriptedClient(server).bytes(of: blob(Self.bytes))
                }
                let text = failure.map { "\($0)" } ?? ""
                #expect(text.contains("status 403") && !text.contains("SECRET") && !text.contains("denied"), "\(text)")
            }
        }
    }

    @Test func redirectsInCirclesEnd() async throws {
        let rows =
            Array(repeating: Exchange(Self.get, 302, ["Location": "?"]), count: 1)
            + Array(repeating: Exchange(Self.get + "?", 302, ["Location": "?"]), count: 10)
        try await withScript(rows) { server in
            let failure = await #expect(throws: HTTPFailure.self) {
                try await ScriptedClient(server).registry.resolve()
            }
            #expect(failure?.kind == .unavailable)
            #expect(server.deviations == [])
        }
    }

    // MARK: Ending early

    @Test func aBlobIsNotFetchedFurtherThanItIsRead() async throws {
        try await withScript([Exchange(Self.getBlob, 200, body: Self.bytes, cut: 60_000)]) { server in
            let first = try await ScriptedClient(server).registry.withBlob(blob(Self.bytes)) { _ in
            } _: { source in
                try await onThread { try source.allBytes(10) }
            }
            #expect(first == Array(Self.bytes[..<10]))
        }
    }
}
