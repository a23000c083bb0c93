import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Uploads that break, and registries that take blobs in one way only; against scripted answers.
@Suite(.timeLimit(.minutes(15)))
struct BlobUploadTests {
    private static let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    private static let query = "digest=sha256%3A\(Digest(of: bytes).hex)"
    private static let head = "HEAD /v2/app/blobs/\(Digest(of: bytes))"
    private static let open = "POST /v2/app/blobs/uploads/"
    /// What asks for chunks.
    private static let inChunks = ["Location": "/a?s=0", "OCI-Chunk-Min-Length": "10000"]
    /// An answer that breaks off.
    private static func broken(_ request: String) -> Exchange {
        Exchange(request, 202, body: [1, 2, 3], cut: 1)
    }

    /// One row for each thing that can happen to an upload; every one ends with the blob at the registry.
    private static let troubles: [(name: String, rows: [Exchange])] = [
        (
            "chunks where the registry asks for them",
            [
                Exchange(open, 202, inChunks),
                Exchange("PATCH /a?s=0", 202, ["Location": "/a?s=1"]) { $0["content-range"] == "0-49999" },
                Exchange("PUT /a?s=1&\(query)", 201) { $0.body.isEmpty },
            ]
        ),
        (
            "one piece where the blob is not longer than the smallest chunk",
            [
                Exchange(open, 202, ["Location": "/a", "OCI-Chunk-Min-Length": "50000"]),
                Exchange("PUT /a?\(query)", 201) { $0.body == bytes },
            ]
        ),
        (
            "a broken chunk is continued from the offset that the registry names, at its new location",
            [
                Exchange(open, 202, inChunks), broken("PATCH /a?s=0"),
                Exchange("GET /a?s=0", 204, ["Range": "0-19999", "Location": "/b?s=1"]),
                Exchange("PATCH /b?s=1", 202, ["Location": "/b?s=2", "Range": "0-49999"]) {
                    $0["content-range"] == "20000-49999" && $0.body == Array(bytes[20000...])
                },
                Exchange("PUT /b?s=2&\(query)", 201) { $0.body.isEmpty },
            ]
        ),
        (
            "a broken upload in one piece is continued in chunks",
            [
                Exchange(open, 202, ["Location": "{origin}/a"]), broken("PUT /a?\(query)"),
                Exchange("GET /a", 204, ["Range": "bytes=0-9999"]),
                Exchange("PATCH /a", 202) { $0["content-range"] == "10000-49999" },
                Exchange("PUT /a?\(query)", 201) { $0.body.isEmpty },
            ]
        ),
        (
            "where nothing has arrived, the same session gets it all again",
            [
                Exchange(open, 202, ["Location": "/a"]), Exchange("PUT /a?\(query)", 500),
                Exchange("GET /a", 503), Exchange("GET /a", 204, ["Range": "0-0"]),
                Exchange("PUT /a?\(query)", 201) { $0.body == bytes },
            ]
        ),
        (
            "what arrives after the registry was asked spoils the session, and another one gets the blob",
            [
                Exchange(open, 202, ["Location": "/a"]), Exchange("PUT /a?\(query)", 500),
                Exchange("GET /a", 204, ["Range": "0-0"]),
                Exchange("PUT /a?\(query)", 400, body: Array(#"{"errors":[{"code":"DIGEST_INVALID"}]}"#.utf8)),
                Exchange(open, 202, ["Location": "/b"]), Exchange("PUT /b?\(query)", 201) { $0.body == bytes },
            ]
        ),
        (
            "where all has arrived, only the end is said",
            [
                Exchange(open, 202, inChunks), broken("PATCH /a?s=0"),
                Exchange("GET /a?s=0", 204, ["Range": "0-49999"]),
                Exchange("PUT /a?s=0&\(query)", 201) { $0.body.isEmpty },
            ]
        ),
        (
            "an upload whose last answer was lost is not sent again",
            [
                Exchange(open, 202, ["Location": "/a"]), broken("PUT /a?\(query)"), Exchange("GET /a", 404),
                Exchange(head, 200, body: bytes),
            ]
        ),
        (
            "a session that the registry has forgotten is started again",
            [
                Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 404), Exchange(head, 404),
                Exchange(open, 202, ["Location": "/b"]), Exchange("PUT /b?\(query)", 404), Exchange(head, 405),
                Exchange(open, 202, ["Location": "/c"]), Exchange("PUT /c?\(query)", 201) { $0.body == bytes },
            ]
        ),
        (
            "a registry that cannot say what it has gets it all again",
            [
                Exchange(open, 202, inChunks), broken("PATCH /a?s=0"), Exchange("GET /a?s=0", 405),
                Exchange(head, 404), Exchange(open, 202, inChunks), broken("PATCH /a?s=0"),
                Exchange("GET /a?s=0", 204), Exchange(head, 404), Exchange(open, 202, inChunks),
                Exchange("PATCH /a?s=0", 202), Exchange("PUT /a?s=0&\(query)", 201),
            ]
        ),
        (
            "a registry that claims to have more than there is gets it all again",
            [
                Exchange(open, 202, inChunks), broken("PATCH /a?s=0"),
                Exchange("GET /a?s=0", 204, ["Range": "0-50000"]), Exchange(head, 404),
                Exchange(open, 202, ["Location": "/b"]), Exchange("PUT /b?\(query)", 201),
            ]
        ),
        (
            "a registry that minds the offset is asked for it",
            [
                Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 416),
                Exchange("GET /a?s=0", 204, ["Range": "0-29999"]),
                Exchange("PATCH /a?s=0", 202) { $0["content-range"] == "30000-49999" },
                Exchange("PUT /a?s=0&\(query)", 201),
            ]
        ),
        (
            "a registry that takes no chunks gets one piece",
            [
                Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 405), Exchange(open, 202, inChunks),
                Exchange("PUT /a?s=0&\(query)", 201) { $0.body == bytes },
            ]
        ),
        (
            "a request that is redirected takes its body along",
            [
                Exchange(open, 307, ["Location": "/else"]), Exchange("POST /else", 202, ["Location": "a"]),
                Exchange("PUT /a?\(query)", 308, ["Location": "/z?x=1"]),
                Exchange("PUT /z?x=1", 201) { $0.body == bytes },
            ]
        ),
    ]

    /// The first time on a connection that was kept, so that libcurl sends it once more, to a session that has some of it.
    @Test func whatWasSentTwiceUnnoticedIsSentAnew() async throws {
        var lost = Exchange("PUT /a?\(Self.query)", 201)
        lost.hangsUp = true
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]), lost,
            Exchange("PUT /a?\(Self.query)", 400, body: Array(#"{"errors":[{"code":"DIGEST_INVALID"}]}"#.utf8)),
            Exchange(Self.open, 202, ["Location": "/b"]), Exchange("PUT /b?\(Self.query)", 201),
        ]
        let server = try ScriptedHTTP(rows, keepsConnections: true)
        defer { server.stop() }
        _ = try await ScriptedClient(server).put(Self.bytes)
        #expect(server.deviations == [])
    }

    @Test(arguments: troubles.map(\.name))
    func aBlobArrivesInSpiteOf(trouble: String) async throws {
        let rows = try #require(Self.troubles.first { $0.name == trouble }).rows
        try await withScript(rows) { server in
            let sent = try await ScriptedClient(server).put(Self.bytes)
            #expect(sent <= Self.bytes.count)
            #expect(server.deviations == [])
        }
    }

    @Test func chunksThatAreTooLargeBecomeSmaller() async throws {
        let bytes = [UInt8](repeating: 7, count: 2 << 20)
        let nothing = Exchange("GET /a", 204, ["Range": "0-0"])
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a", "OCI-Chunk-Min-Length": "1"]), Exchange("PATCH /a", 413),
            nothing, Exchange("PATCH /a", 413), nothing,
            Exchange("PATCH /a", 202) { $0["content-range"] == "0-1048575" },
            Exchange("PATCH /a", 202) { $0["content-range"] == "1048576-2097151" },
            Exchange("PUT /a?digest=sha256%3A\(Digest(of: bytes).hex)", 201),
        ]
        try await withScript(rows) { server in
            let sent = try await ScriptedClient(server).put(bytes)
            #expect(sent == bytes.count)
            #expect(server.deviations == [])
        }
    }

    @Test func whatARegistryRefusesIsRememberedForTheNextBlob() async throws {
        let other = Digest(of: [1, 2, 3]).hex
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]), Exchange("PUT /a?\(Self.query)", 413),
            Exchange(Self.open, 202, ["Location": "/b"]), Exchange("PATCH /b", 202),
            Exchange("PUT /b?\(Self.query)", 201), Exchange(Self.open, 202, ["Location": "/c"]),
            Exchange("PATCH /c", 202), Exchange("PUT /c?digest=sha256%3A\(other)", 201),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            _ = try await client.put(Self.bytes)
            _ = try await client.put([1, 2, 3])
            #expect(server.deviations == [])
        }
    }

    @Test func aRegistryThatTakesTheBlobInNoWayEndsTheMatter() async throws {
        let rows = [
            Exchange(Self.open, 202, Self.inChunks), Exchange("PATCH /a?s=0", 405),
            Exchange(Self.open, 202, ["Location": "/b"]), Exchange("PUT /b?\(Self.query)", 405),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryFailure.self) { try await client.put(Self.bytes) }
            #expect(failure?.status == 405)
            #expect(failure?.kind == .unavailable)
            #expect(server.deviations == [])
        }
    }

    /// None of them may go on for ever.
    @Test(arguments: [
        [Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 404), Exchange(head, 404)],
        [Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 503), Exchange("GET /a?s=0", 204, ["Range": "0-99"])],
        [Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 416), Exchange("GET /a?s=0", 204, ["Range": "0-99"])],
        [Exchange(open, 202, inChunks), Exchange("PATCH /a?s=0", 202, ["Range": "0-0"])]
            + (1..<100).map { Exchange("PATCH /a?s=0", 202, ["Range": "0-\($0)"]) },
        [Exchange(open, 500)],
    ])
    func aRegistryThatGetsNowhereIsGivenUp(rows: [Exchange]) async throws {
        try await withScript((0..<20).flatMap { _ in rows }) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: (any Error).self) { try await client.put(Self.bytes) }
            #expect((failure as? any Failure)?.kind == .unavailable)
            #expect(server.requests.count <= 20)
        }
    }

    @Test func credentialsStayBehindWhenAnUploadIsElsewhere() async throws {
        let credentials = Credentials(username: "user", password: "secret")
        let far = Exchange("PUT /far", 201) { $0["authorization"] == nil && $0.body == Self.bytes }
        try await withScript([far]) { storage in
            let rows = [
                Exchange(Self.open, 401, ["WWW-Authenticate": "Basic"]),
                Exchange(Self.open, 202, ["Location": "/a"]) { $0["authorization"] == credentials.basic },
                Exchange("PUT /a?\(Self.query)", 307, ["Location": "\(storage.origin)/far"]) {
                    $0["authorization"] == credentials.basic
                },
            ]
            try await withScript(rows) { server in
                _ = try await ScriptedClient(server, credentials: credentials).put(Self.bytes)
                #expect(server.deviations + storage.deviations == [])
            }
        }
    }

    @Test func anUploadThatHasTLSDoesNotGoOnWithout() async throws {
        let registry = RegistryClient(
            try ImageReference(parsing: "registry.example/app:1"), at: try HTTPURL(parsing: "https://registry.example"),
            over: Elsewhere(), credentials: nil, temporaryDirectory: "/tmp")
        try await withTemporaryDirectory { directory in
            try write(Self.bytes, to: directory.appending("blob"))
            let file = try FileSlice(opening: directory.appending("blob"))
            let failure = await #expect(throws: HTTPFailure.self) {
                try await registry.put(file, as: blob(Self.bytes), progress: { _ in })
            }
            #expect(failure?.description.contains("http://registry.example/a, which has no TLS") == true)
        }
    }

    @Test(arguments: [301, 302, 303])
    func aRedirectThatWouldDropTheBodyIsNotFollowed(status: Int) async throws {
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]),
            Exchange("PUT /a?\(Self.query)", status, ["Location": "/b"]),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryFailure.self) { try await client.put(Self.bytes) }
            #expect(failure?.status == status)
            #expect(server.deviations == [])
        }
    }
}

/// A registry that names a place without TLS to send uploads to, and takes what comes there.
private struct Elsewhere: HTTPExchanging {
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        HTTPResponse(
            status: request.method == .post ? 202 : 201, headers: ["Location": "http://registry.example/a"],
            url: request.url)
    }
}
