import Content
import OCI
import TestSupport
import Testing

@testable import Transports

/// The client against scripted answers of a registry.
@Suite(.timeLimit(.minutes(15)))
struct RegistryPushTests {
    private static let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    private static let digest = Digest(of: bytes)
    private static let query = "digest=sha256%3A\(digest.hex)"
    private static let head = "HEAD /v2/app/blobs/\(digest)"
    private static let open = "POST /v2/app/blobs/uploads/"

    @Test(arguments: [
        ("/session", "PUT /session?\(query)"),
        ("session/1", "PUT /v2/app/blobs/uploads/session/1?\(query)"),
        ("{origin}/session?_state=a%3D", "PUT /session?_state=a%3D&\(query)"),
    ])
    func theBlobGoesToWhereTheSessionIs(location: String, put: String) async throws {
        let rows = [
            Exchange(Self.open, 202, ["Location": location]) { $0["content-length"] == "0" },
            Exchange(put, 201) { $0.body == Self.bytes && $0["expect"] == nil },
        ]
        try await withScript(rows) { server in
            let sent = try await ScriptedClient(server).put(Self.bytes)
            #expect(sent == Self.bytes.count)
            #expect(server.deviations == [])
        }
    }

    @Test func anEmptyBlobIsUploadedToo() async throws {
        let query = "digest=sha256%3A\(Digest(of: []).hex)"
        let rows = [
            Exchange(Self.open, 202, ["Location": "/session"]),
            Exchange("PUT /session?\(query)", 201) { $0["content-length"] == "0" },
        ]
        try await withScript(rows) { server in
            let sent = try await ScriptedClient(server).put([])
            #expect(sent == 0)
            #expect(server.deviations == [])
        }
    }

    @Test func anUploadThatIsForgottenStartsFromItsBeginning() async throws {
        let rows = [
            Exchange(Self.open, 202, ["Location": "/first"]), Exchange("PUT /first?\(Self.query)", 503),
            Exchange("GET /first", 404), Exchange(Self.head, 404), Exchange(Self.open, 500),
            Exchange(Self.open, 202, ["Location": "/second"]),
            Exchange("PUT /second?\(Self.query)", 201) { $0.body == Self.bytes },
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            #expect(try await client.put(Self.bytes) == Self.bytes.count)
            #expect(client.delays == [.milliseconds(100), .milliseconds(400)])
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: [(413, ""), (405, ""), (400, #"{"errors":[{"code":"UNSUPPORTED","message":""}]}"#)])
    func aRegistryThatTakesNoWholeBlobGetsChunks(status: Int, body: String) async throws {
        let bytes = [UInt8](repeating: 7, count: 16 << 20) + [UInt8](repeating: 9, count: 1 << 20)
        let query = "digest=sha256%3A\(Digest(of: bytes).hex)"
        let size = 16 << 20
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]), Exchange("PUT /a?\(query)", status, body: Array(body.utf8)),
            Exchange(Self.open, 202, ["Location": "/b?n=0", "OCI-Chunk-Min-Length": "1000"]),
            Exchange("PATCH /b?n=0", 202, ["Location": "/b?n=1", "Range": "0-\(size - 1)"]) {
                $0["content-range"] == "0-\(size - 1)" && $0.body == Array(bytes[..<size])
            },
            Exchange("PATCH /b?n=1", 202, ["Location": "/b?n=2"]) {
                $0["content-range"] == "\(size)-\(bytes.count - 1)" && $0.body == Array(bytes[size...])
            },
            Exchange("PUT /b?n=2&\(query)", 201) { $0.body.isEmpty },
        ]
        try await withScript(rows) { server in
            let sent = try await ScriptedClient(server).put(bytes)
            #expect(sent == bytes.count)
            #expect(server.deviations == [])
        }
    }

    @Test func theSmallestChunkOfTheRegistryCounts() async throws {
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]), Exchange("PUT /a?\(Self.query)", 413),
            Exchange(Self.open, 202, ["Location": "/b", "OCI-Chunk-Min-Length": "9223372036854775807"]),
            // It keeps less than it was sent, which is its right.
            Exchange("PATCH /b", 202, ["Range": "0-9"]) { $0.body == Self.bytes },
            Exchange("PATCH /b", 202) { $0["content-range"] == "10-49999" },
            Exchange("PUT /b?\(Self.query)", 201),
        ]
        try await withScript(rows) { server in
            let sent = try await ScriptedClient(server).put(Self.bytes)
            #expect(sent == Self.bytes.count)
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: ["0-50000", "0-", "x", "1-9", "0-9-9", "0--9", "0-99999999999999999999", "5"])
    func aRangeOfNoSenseEndsTheUpload(range: String) async throws {
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]), Exchange("PUT /a?\(Self.query)", 413),
            Exchange(Self.open, 202, ["Location": "/b"]), Exchange("PATCH /b", 202, ["Range": range]),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            await #expect(throws: RegistryAnswerFailure.self) { try await client.put(Self.bytes) }
        }
    }

    @Test func contentThatTheRegistryFindsWrongIsNotSentAgain() async throws {
        let body = Array(#"{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}"#.utf8)
        let rows = [
            Exchange(Self.open, 202, ["Location": "/a"]), Exchange("PUT /a?\(Self.query)", 400, body: body),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryFailure.self) { try await client.put(Self.bytes) }
            #expect(failure?.diagnostics == [.init(code: "DIGEST_INVALID", message: "no")])
            #expect(server.deviations == [])
        }
    }

    @Test func anUploadWithoutALocationFails() async throws {
        try await withScript([Exchange(Self.open, 202)]) { server in
            await #expect(throws: RegistryAnswerFailure.self) { try await ScriptedClient(server).put(Self.bytes) }
        }
    }

    @Test(arguments: [(201, true), (202, false), (405, false), (403, false)])
    func aMountIsTriedAndItsSessionEnded(status: Int, expected: Bool) async throws {
        let target = "\(Self.open)?mount=sha256%3A\(Self.digest.hex)&from=other"
        var rows = [
            Exchange("HEAD /v2/app/blobs/\(Self.digest)", 404), Exchange(target, status, ["Location": "/session?s=1"]),
        ]
        if status == 202 { rows.append(Exchange("DELETE /session?s=1", 204)) }
        try await withScript(rows) { server in
            let source = try ScriptedClient(server, "other:1").registry
            let target = try ScriptedClient(server).registry
            #expect(try await target.contains(blob(Self.bytes), mountingFrom: source) == expected)
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: ["http://localhost:{port}/v2/precious/manifests/1", "ftp://else", "http://user@else/"])
    func aSessionElsewhereIsLeftAlone(location: String) async throws {
        try await withScript([]) { other in
            let mount = "\(Self.open)?mount=sha256%3A\(Self.digest.hex)&from=other"
            let rows = [
                Exchange("HEAD /v2/app/blobs/\(Self.digest)", 404),
                Exchange(mount, 202, ["Location": location.replacing("{port}", with: "\(other.port)")]),
            ]
            try await withScript(rows) { server in
                let source = try ScriptedClient(server, "other:1").registry
                let target = try ScriptedClient(server).registry
                #expect(try await target.contains(blob(Self.bytes), mountingFrom: source) == false)
                #expect(server.deviations == [])
                #expect(other.requests.isEmpty)
            }
        }
    }

    @Test func aMountAsksForATokenOfBothRepositories() async throws {
        let challenge = ["WWW-Authenticate": #"Bearer realm="{origin}/token""#]
        let push = "scope=repository%3Aapp%3Apull%2Cpush"
        let head = "HEAD /v2/app/blobs/\(Self.digest)"
        let rows = [
            Exchange(head, 401, challenge),
            Exchange("GET /token?\(push)", 200, body: Array(#"{"token":"one","expires_in":86400}"#.utf8)),
            Exchange(head, 404) { $0["authorization"] == "Bearer one" },
            Exchange("GET /token?\(push)&scope=repository%3Aother%3Apull", 403),
        ]
        try await withScript(rows) { server in
            let source = try ScriptedClient(server, "other:1").registry
            // A token server that refuses only costs the mount.
            let target = try ScriptedClient(server).registry
            #expect(try await target.contains(blob(Self.bytes), mountingFrom: source) == false)
            #expect(server.deviations == [])
        }
    }

    @Test func aRegistryWithoutHEADIsUploadedTo() async throws {
        try await withScript([Exchange("HEAD /v2/app/blobs/\(Self.digest)", 405)]) { server in
            let registry = try ScriptedClient(server).registry
            #expect(try await registry.contains(blob(Self.bytes), mountingFrom: nil) == false)
        }
    }

    @Test func aManifestThatWasChangedOnItsWayIsSentAgain() async throws {
        let document = try Document(parsing: Array("{}".utf8))
        let put = "PUT /v2/app/manifests/\(Digest(of: document.bytes))"
        let rows = [
            Exchange(put, 201, ["Docker-Content-Digest": "\(Self.digest)"]),
            Exchange(put, 201, ["Docker-Content-Digest": "\(Digest(of: document.bytes))"]),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            try await client.registry.put(manifest: document, as: document.descriptor(.ociManifest))
            #expect(client.delays.count == 1)
            #expect(server.deviations == [])
        }
    }

    @Test func nothingIsMountedWithinARepository() async throws {
        try await withScript([Exchange("HEAD /v2/app/blobs/\(Self.digest)", 404)]) { server in
            let source = try ScriptedClient(server, "app:old").registry
            let target = try ScriptedClient(server).registry
            #expect(try await target.contains(blob(Self.bytes), mountingFrom: source) == false)
            #expect(server.deviations == [])
        }
    }

    @Test func anImageIsPublishedUnderItsTagOrElseItsDigest() async throws {
        let document = try Document(parsing: Array("{}".utf8))
        let manifest = document.descriptor(.ociManifest)
        let isManifest = { @Sendable (request: ScriptedHTTP.Request) in
            request["content-type"] == "application/vnd.oci.image.manifest.v1+json" && request.body == document.bytes
        }
        let rows = [
            Exchange("HEAD /v2/app/manifests/1", 404),
            Exchange("PUT /v2/app/manifests/1", 201, where: isManifest),
            Exchange("PUT /v2/app/manifests/\(manifest.digest)", 201, where: isManifest),
        ]
        try await withScript(rows) { server in
            try await ScriptedClient(server).registry.publish(document, as: manifest)
            try await ScriptedClient(server, "app@\(manifest.digest)").registry.publish(document, as: manifest)
            let other = try ScriptedClient(server, "app@\(Self.digest)").registry
            await #expect(throws: DigestFailure.self) { try await other.publish(document, as: manifest) }
            #expect(server.deviations == [])
        }
    }

    /// Some registries refuse to write an immutable tag, even as it is.
    @Test func aTagThatStandsForTheImageAlreadyIsLeftAlone() async throws {
        let document = try Document(parsing: Array("{}".utf8))
        let manifest = document.descriptor(.ociManifest)
        let rows = [
            Exchange("HEAD /v2/app/manifests/1", 200, ["Docker-Content-Digest": "\(manifest.digest)"]),
            Exchange("HEAD /v2/app/manifests/old", 200, ["Docker-Content-Digest": "\(Self.digest)"]),
            Exchange("PUT /v2/app/manifests/old", 201),
            Exchange("HEAD /v2/app/manifests/new", 404),
            Exchange("PUT /v2/app/manifests/new", 201),
        ]
        try await withScript(rows) { server in
            let registry = try ScriptedClient(server, additionalTags: ["old", "new", "1"]).registry
            try await registry.publish(document, as: manifest)
            #expect(server.deviations == [])
        }
    }

    @Test func theCurrentDigestIsAskedForWithoutTheManifest() async throws {
        let head = "HEAD /v2/app/manifests/1"
        let rows = [
            Exchange(head, 200, ["Docker-Content-Digest": "\(Self.digest)"]),
            Exchange(head, 404), Exchange("GET /v2/app/manifests/1", 404),
            // Some say so to any HEAD.
            Exchange(head, 404), Exchange("GET /v2/app/manifests/1", 200, body: Self.bytes),
            Exchange(head, 200), Exchange("GET /v2/app/manifests/1", 200, body: Self.bytes),
            Exchange(head, 405), Exchange("GET /v2/app/manifests/1", 404),
        ]
        try await withScript(rows) { server in
            let registry = try ScriptedClient(server).registry
            #expect(try await registry.occupants().map(\.digest) == [Self.digest])
            #expect(try await registry.occupants() == [])
            #expect(try await registry.occupants().map(\.digest) == [Self.digest])
            #expect(try await registry.occupants().map(\.digest) == [Self.digest])
            #expect(try await registry.occupants() == [])
            #expect(server.deviations == [])
        }
    }
}
