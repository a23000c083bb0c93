import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Token servers, scripted.
@Suite(.timeLimit(.minutes(15)))
struct TokenTests {
    private static let challenge = ["WWW-Authenticate": #"Bearer realm="{origin}/token",service="reg""#]
    private static let identity = Credentials(username: "user", .identityToken("id=1"))
    private static let pull = "scope=repository%3Aapp%3Apull"
    private static let push = "scope=repository%3Aapp%3Apull%2Cpush"

    // MARK: The two forms of asking

    @Test func anIdentityTokenGoesAsAFormAndIsReplacedByWhatComesBack() async throws {
        let form = "grant_type=refresh_token&client_id=esgz&refresh_token=id%3D"
        let rest = "&service=reg&scope=repository%3Aapp%3Apull"
        let rows = [
            Exchange("GET /v2/app/x", 401, Self.challenge) { $0["authorization"] == nil },
            Exchange(
                "POST /token", 200,
                body: Array(#"{"access_token":"one","refresh_token":"id=2","expires_in":300}"#.utf8)
            ) { $0.text == form + "1" + rest && $0["authorization"] == nil && $0.isForm },
            Exchange("GET /v2/app/x", 200) { $0["authorization"] == "Bearer one" },
            // Time goes by: the token is refused.
            Exchange("GET /v2/app/x", 401, Self.challenge) { $0["authorization"] == "Bearer one" },
            Exchange("POST /token", 200, body: Array(#"{"access_token":"two","expires_in":86400}"#.utf8)) {
                $0.text == form + "2" + rest
            },
            Exchange("GET /v2/app/x", 200) { $0["authorization"] == "Bearer two" },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: Self.identity).registry
            try await client.get("x")
            try await client.get("x")
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: [
        (404, ""), (405, ""), (400, ""), (400, #"{"error":"unsupported_grant_type"}"#), (501, "not here"),
    ])
    func aServerThatKnowsNoFormGetsAQuery(status: Int, body: String) async throws {
        let rows = [
            Exchange("GET /v2/app/x", 401, Self.challenge),
            Exchange("POST /token", status, body: Array(body.utf8)),
            Exchange(
                "GET /token?service=reg&\(Self.pull)", 200, body: Array(#"{"token":"one","expires_in":86400}"#.utf8)
            ) {
                $0["authorization"] == Self.identity.basic
            },
            Exchange("GET /v2/app/x", 200) { $0["authorization"] == "Bearer one" },
        ]
        try await withScript(rows) { server in
            try await ScriptedClient(server, credentials: Self.identity).registry.get("x")
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: [(400, #"{"error":"invalid_grant"}"#), (401, ""), (403, "")])
    func aServerThatRefusesAFormIsNotAskedAgain(status: Int, body: String) async throws {
        let rows = [
            Exchange("GET /v2/app/x", 401, Self.challenge),
            Exchange("POST /token", status, body: Array(body.utf8)),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: Self.identity)
            await #expect(throws: ContextualFailure.self) { try await client.registry.get("x") }
            #expect(server.deviations == [])
            #expect(client.delays == [])
        }
    }

    @Test func aFormIsNotSentOnToAnotherPlace() async throws {
        try await withScript([]) { elsewhere in
            let rows = [
                Exchange("GET /v2/app/x", 401, Self.challenge),
                Exchange("POST /token", 307, ["Location": "\(elsewhere.origin)/token"]),
            ]
            try await withScript(rows) { server in
                let client = try ScriptedClient(server, credentials: Self.identity).registry
                await #expect(throws: ContextualFailure.self) { try await client.get("x") }
                #expect(server.deviations == [])
            }
            #expect(elsewhere.requests.isEmpty)
        }
    }

    @Test func aRegistryTokenIsSentAsItIs() async throws {
        let rows = [Exchange("GET /v2/app/x", 401, Self.challenge) { $0["authorization"] == "Bearer rt" }]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: Credentials(username: "", .registryToken("rt")))
            let failure = await #expect(throws: RegistryFailure.self) { try await client.registry.get("x") }
            #expect(failure?.kind == .denied)
            #expect(server.deviations == [])
        }
    }

    // MARK: Scopes

    @Test func aScopeThatTheRegistryDemandsIsAskedForAsWell() async throws {
        let demand = #"Bearer realm="{origin}/token",scope="repository:base:pull a:b:c",error="insufficient_scope""#
        let rows = [
            Exchange("GET /v2/app/x", 401, ["WWW-Authenticate": #"Bearer realm="{origin}/token""#]),
            Exchange("GET /token?\(Self.pull)", 200, body: Array(#"{"token":"one","expires_in":86400}"#.utf8)),
            Exchange("GET /v2/app/x", 401, ["WWW-Authenticate": demand]) { $0["authorization"] == "Bearer one" },
            Exchange(
                "GET /token?scope=a%3Ab%3Ac&\(Self.pull)&scope=repository%3Abase%3Apull", 200,
                body: Array(#"{"token":"two","expires_in":86400}"#.utf8)),
            Exchange("GET /v2/app/x", 200) { $0["authorization"] == "Bearer two" },
            Exchange("GET /v2/app/y", 200) { $0["authorization"] == "Bearer two" },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server).registry
            try await client.get("x")
            try await client.get("y")
            #expect(server.deviations == [])
        }
    }

    @Test func oneTokenServesSourceAndDestination() async throws {
        let both = "\(Self.push)&scope=repository%3Abase%3Apull"
        let rows = [
            Exchange("GET /v2/base/x", 401, Self.challenge),
            Exchange("GET /token?service=reg&\(both)", 200, body: Array(#"{"token":"both","expires_in":86400}"#.utf8)) {
                $0["authorization"] == Self.user.basic
            },
            Exchange("GET /v2/base/x", 200) { $0["authorization"] == "Bearer both" },
            // It knows what is demanded already.
            Exchange("GET /v2/app/y", 200) { $0["authorization"] == "Bearer both" },
        ]
        try await withScript(rows) { server in
            let (source, destination) = try Self.ends(server, .given(Self.user), .given(Self.user))
            try await source.get("x")
            try await destination.get("y", for: destination.pushScope)
            #expect(server.deviations == [])
        }
    }

    @Test func otherCredentialsAreAnotherUser() async throws {
        let rows = [
            Exchange("GET /v2/base/x", 401, Self.challenge),
            Exchange(
                "GET /token?service=reg&scope=repository%3Abase%3Apull", 200,
                body: Array(#"{"token":"one","expires_in":86400}"#.utf8)
            ) { $0["authorization"] == nil },
            Exchange("GET /v2/base/x", 200) { $0["authorization"] == "Bearer one" },
            Exchange("GET /v2/app/y", 401, Self.challenge) { $0["authorization"] == nil },
            Exchange(
                "GET /token?service=reg&\(Self.push)", 200, body: Array(#"{"token":"two","expires_in":86400}"#.utf8)
            ) {
                $0["authorization"] == Self.user.basic
            },
            Exchange("GET /v2/app/y", 200) { $0["authorization"] == "Bearer two" },
        ]
        try await withScript(rows) { server in
            let (source, destination) = try Self.ends(server, .anonymous, .given(Self.user))
            try await source.get("x")
            try await destination.get("y", for: destination.pushScope)
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: ["token server", "registry", "registry without a reason"])
    func whereOneTokenForAllIsRefusedEachGetsItsOwn(refusal: String) async throws {
        let all = "GET /token?service=reg&\(Self.push)&scope=repository%3Abase%3Apull"
        let own = "GET /token?service=reg&scope=repository%3Abase%3Apull"
        let token = { (text: String) in Array(#"{"token":"\#(text)","expires_in":86400}"#.utf8) }
        var demand = #"Bearer realm="{origin}/token",service="reg",scope="repository:base:pull""#
        if refusal == "registry" { demand += #",error="insufficient_scope""# }
        var rows = [Exchange("GET /v2/base/x", 401, Self.challenge) { $0["authorization"] == nil }]
        if refusal == "token server" {
            rows.append(Exchange(all, 403))
        } else {
            rows.append(Exchange(all, 200, body: token("all")))
            rows.append(
                Exchange("GET /v2/base/x", 401, ["WWW-Authenticate": demand]) { $0["authorization"] == "Bearer all" })
        }
        rows += [
            Exchange(own, 200, body: token("own")),
            Exchange("GET /v2/base/x", 200) { $0["authorization"] == "Bearer own" },
            Exchange("GET /token?service=reg&\(Self.push)", 200, body: token("push")),
            Exchange("GET /v2/app/y", 200) { $0["authorization"] == "Bearer push" },
        ]
        try await withScript(rows) { server in
            let (source, destination) = try Self.ends(server, .given(Self.user), .given(Self.user))
            try await source.get("x")
            try await destination.get("y", for: destination.pushScope)
            #expect(server.deviations == [])
        }
    }

    @Test func credentialsAreLookedUpOnceForEachPlace() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory.appending("auth.json")
            try write(Array("not JSON".utf8), to: file)
            try await withScript([]) { server in
                let (source, destination) = try Self.ends(
                    server, .search(CredentialSearch(file: file)), .given(Self.user))
                // The other end does not care.
                let failure = await #expect(throws: ContextualFailure.self) { try await source.get("x") }
                #expect(failure?.description.contains("auth.json") == true)
                await #expect(throws: RegistryFailure.self) { try await destination.get("x") }
                #expect(server.requests.map(\.line) == ["GET /v2/app/x"])
            }
        }
    }

    // MARK: Time

    @Test(arguments: [
        (#""expires_in":300"#, 270), ("", 54), (#""expires_in":1"#, 54), (#""expires_in":999999999"#, 77_760),
        // Given out long ago, and as a wrong clock has it.
        (#""expires_in":300,"issued_at":"2009-11-10T23:00:00Z""#, 9),
        (#""expires_in":300,"issued_at":"2999-11-10T23:00:00.123456Z""#, 270),
        (#""expires_in":300,"issued_at":"yesterday""#, 270),
    ])
    func aTokenServesAsLongAsItSays(members: String, seconds: Int) async throws {
        let body = #"{"token":"abc""# + (members.isEmpty ? "" : ",") + members + "}"
        try await withScript([Exchange("GET /token", 200, body: Array(body.utf8))]) { server in
            let tokens = TokenServer(realm: try HTTPURL(parsing: server.origin + "/token"), service: nil)
            let answer = try await tokens.token(
                for: .none, nil, hiding: [], over: CurlClient(insecure: false), RetryPolicy())
            #expect(answer.lifetime == .seconds(seconds))
        }
    }

    /// A token may be refused at any moment of a transfer.
    @Test func aBlobGoesOnWithANewToken() async throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let get = "GET /v2/app/blobs/\(Digest(of: bytes))"
        let range = ["Content-Range": "bytes 60000-99999/100000"]
        let rows = [
            Exchange(get, 401, Self.challenge), token(Self.pull, "one"),
            Exchange(get, 200, body: bytes, cut: 60_000) { $0["authorization"] == "Bearer one" },
            Exchange(get, 401, Self.challenge) {
                $0["authorization"] == "Bearer one" && $0["range"] == "bytes=60000-"
            }, token(Self.pull, "two"),
            Exchange(get, 206, range, body: Array(bytes[60_000...])) {
                $0["authorization"] == "Bearer two" && $0["range"] == "bytes=60000-"
            },
        ]
        try await withScript(rows) { server in
            let read = try await ScriptedClient(server).bytes(of: blob(bytes))
            #expect(read == bytes)
            #expect(server.deviations == [])
        }
    }

    @Test func anUploadIsSentAgainWithANewToken() async throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let put = "PUT /session?digest=sha256%3A\(Digest(of: bytes).hex)"
        let document = try Document(parsing: Array("{}".utf8))
        let publish = "PUT /v2/app/manifests/1"
        let rows = [
            Exchange("POST /v2/app/blobs/uploads/", 401, Self.challenge), token(Self.push, "one"),
            Exchange("POST /v2/app/blobs/uploads/", 202, ["Location": "/session"]),
            Exchange(put, 401, Self.challenge) { $0["authorization"] == "Bearer one" }, token(Self.push, "two"),
            Exchange(put, 201) { $0["authorization"] == "Bearer two" && $0.body == bytes },
            Exchange("HEAD /v2/app/manifests/1", 404),
            Exchange(publish, 401, Self.challenge) { $0["authorization"] == "Bearer two" }, token(Self.push, "three"),
            Exchange(publish, 201) { $0["authorization"] == "Bearer three" && $0.body == document.bytes },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            #expect(try await client.put(bytes) == bytes.count)
            try await client.registry.publish(document, as: document.descriptor(.ociManifest))
            #expect(server.deviations == [])
        }
    }

    @Test func requestsThatAreRefusedTogetherRenewTheTokenOnce() async throws {
        // Rows that nobody asks for do not matter here: who comes late has the new token at once.
        let refused = Exchange("GET /v2/app/x", 401, Self.challenge) { $0["authorization"] == "Bearer one" }
        let rows =
            [Exchange("GET /v2/app/x", 401, Self.challenge), token(Self.pull, "one")]
            + [Exchange("GET /v2/app/x", 200) { $0["authorization"] == "Bearer one" }]
            + Array(repeating: refused, count: 8) + [token(Self.pull, "two")]
            + Array(repeating: Exchange("GET /v2/app/x", 200) { $0["authorization"] == "Bearer two" }, count: 8)
        try await withScript(rows) { server in
            let client = try ScriptedClient(server).registry
            try await client.get("x")
            let tokens = try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await client.get("x") } }
                try await group.waitForAll()
                return server.requests.filter { $0.line.hasPrefix("GET /token") }.count
            }
            #expect(tokens == 2)
        }
    }

    private func token(_ scope: String, _ text: String) -> Exchange {
        Exchange("GET /token?service=reg&\(scope)", 200, body: Array(#"{"token":"\#(text)","expires_in":86400}"#.utf8))
    }

    // MARK: Secrets

    /// What a registry or token server that means no good could do with what it was sent.
    @Test(arguments: ["Location", "body", "name", "path", "WWW-Authenticate"])
    func anAnswerThatRepeatsASecretIsNotShown(where place: String) async throws {
        let basic = String(Self.user.basic.dropFirst(6))
        for secret in ["open sesame", "Open Sesame Now", basic] {
            let shown = secret.replacing(" ", with: "-")
            let second: Exchange
            switch place {
            case "Location": second = Exchange("GET /v2/app/x", 307, ["Location": "ftp://\(shown)/"])
            case "name": second = Exchange("GET /v2/app/x", 307, ["Location": "http://\(shown).invalid./"])
            case "path": second = Exchange("GET /v2/app/x", 307, ["Location": "http://x.invalid./\(secret)"])
            case "body":
                second = Exchange("GET /v2/app/x", 500, body: Array(#"{"errors":[{"message":"\#(secret)"}]}"#.utf8))
            default:
                second = Exchange("GET /v2/app/x", 401, ["WWW-Authenticate": #"Bearer realm="gopher://\#(shown)""#])
            }
            let rows = [Exchange("GET /v2/app/x", 401, ["WWW-Authenticate": "Basic realm=x"]), second]
            try await withScript(rows) { server in
                let credentials = Credentials(
                    username: "user", password: secret == basic ? "open sesame" : place == "path" ? secret : shown)
                let client = try ScriptedClient(server, credentials: credentials).registry
                do {
                    try await client.get("x")
                    Issue.record("expected a failure")
                } catch {
                    let text = "\(error)".lowercased()
                    #expect(!text.contains(shown.lowercased()))
                    #expect(!text.contains(HTTPURL.encode(secret).lowercased()))
                }
            }
        }
    }

    @Test(arguments: ["ftp://open-sesame/", "http://open-sesame/\u{1}"])
    func anUploadThatIsSentSomewhereOddIsNotShownEither(location: String) async throws {
        let rows = [
            Exchange("POST /v2/app/blobs/uploads/", 401, ["WWW-Authenticate": "Basic realm=x"]),
            Exchange("POST /v2/app/blobs/uploads/", 202, ["Location": location]),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: Credentials(username: "user", password: "open-sesame"))
            let failure = await #expect(throws: ConcealedFailure.self) { _ = try await client.put([1, 2, 3]) }
            #expect(failure?.kind == .unavailable)
            #expect(server.deviations == [])
        }
    }

    private static let user = Credentials(username: "user", password: "open sesame")

    /// A source `base` and a destination `app`, as one run has them.
    private static func ends(
        _ server: ScriptedHTTP, _ reading: CredentialChoice, _ writing: CredentialChoice
    ) throws -> (RegistryClient, RegistryClient) {
        var retry = RetryPolicy()
        retry.tries = 1
        let network = Network(CurlClient(insecure: false), retry: retry)
        let client = { (name: String, choice: CredentialChoice, scope: TokenScope) in
            try RegistryClient(
                try ImageReference(parsing: "127.0.0.1:\(server.port)/\(name)"),
                TransportOptions(temporaryDirectory: "/tmp", network: network, credentials: choice), for: scope)
        }
        return (try client("base", reading, .pull("base")), try client("app", writing, .push("app")))
    }
}

extension RegistryClient {
    fileprivate func get(_ path: String, for scope: TokenScope? = nil) async throws {
        _ = try await send(HTTPRequest(.get, try url(path)), for: scope ?? .pull(reference.repository), expecting: 200)
    }
}

extension ScriptedHTTP.Request {
    fileprivate var text: String { String(decoding: body, as: UTF8.self) }
    fileprivate var isForm: Bool { self["content-type"] == "application/x-www-form-urlencoded" }
}
