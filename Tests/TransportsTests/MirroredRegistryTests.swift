import Content
import OCI
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// A registry and its mirrors, each a scripted server.
@Suite(.timeLimit(.minutes(15)))
struct MirroredRegistryTests {
    private let heard = Mutexed<[String]>([])
    private static let layer = Array("the bytes of a layer".utf8)
    private static let configuration = Array(#"{"architecture":"amd64","os":"linux"}"#.utf8)
    private static let manifest = Array(#"{"schemaVersion":2,"config":{},"layers":[]}"#.utf8)
    private static let type = ["Content-Type": "application/vnd.oci.image.manifest.v1+json"]

    private static func manifest(_ path: String, _ status: Int = 200) -> Exchange {
        Exchange("GET /v2/\(path)", status, status == 200 ? type : [:], body: status == 200 ? manifest : [])
    }

    private static func layer(_ path: String, _ bytes: [UInt8], _ status: Int = 200) -> Exchange {
        Exchange("GET /v2/\(path)/blobs/\(Digest(of: bytes))", status, body: status == 200 ? bytes : [])
    }

    @Test func theFirstMirrorThatHasTheImageServesAllOfIt() async throws {
        let mirror = [Self.manifest("copy/app/manifests/1"), Self.layer("copy/app", Self.layer)]
        try await withServers([mirror, [], []]) { servers in
            try await pull(registries(servers), servers)
            #expect(warnings == [])
        }
    }

    @Test(arguments: [404, 401, 403, 400])
    func anotherPlaceIsAskedWhenAMirrorHasNoAnswer(status: Int) async throws {
        try await withServers([
            [Self.manifest("copy/app/manifests/1", status)],
            [Self.manifest("copy/app/manifests/1"), Self.layer("copy/app", Self.layer)], [],
        ]) { servers in
            try await pull(registries(servers), servers)
            // That a mirror lacks something is what is to be expected of mirrors.
            #expect(warnings.count == (status == 404 ? 0 : 1))
        }
    }

    @Test func aMirrorThatIsBrokenIsTriedTwiceAndNotAskedForBlobs() async throws {
        let broken = Array(repeating: Self.manifest("copy/app/manifests/1", 503), count: 2)
        let upstream = [Self.manifest("app/manifests/1"), Self.layer("app", Self.layer)]
        try await withServers([broken, [Self.manifest("copy/app/manifests/1", 404)], upstream]) { servers in
            try await pull(registries(servers), servers)
            let lines = warnings
            #expect(lines.count == 1)
            #expect(lines.first?.contains("127.0.0.1:\(servers[0].port)") == true)
            #expect(lines.first?.hasSuffix("going on with 127.0.0.1:\(servers[1].port)") == true)
        }
    }

    @Test func aMirrorThatIsNotThereIsPassedOver() async throws {
        let upstream = [Self.manifest("app/manifests/1"), Self.layer("app", Self.layer)]
        try await withServers([[], [Self.manifest("copy/app/manifests/1", 404)], upstream]) { servers in
            servers[0].stop()
            try await pull(registries(servers), servers)
            #expect(warnings.count == 1)
        }
    }

    @Test func aBlobThatAMirrorLacksComesFromTheNextPlace() async throws {
        try await withServers([
            [
                Self.manifest("copy/app/manifests/1"), Self.layer("copy/app", Self.layer, 404),
                Self.layer("copy/app", Self.configuration),
            ], [Self.layer("copy/app", Self.layer, 404)], [Self.layer("app", Self.layer)],
        ]) { servers in
            let source = try await pull(registries(servers), servers)
            // It is still the first to be asked for what comes next.
            let descriptor = Descriptor(
                mediaType: .ociConfiguration, digest: Digest(of: Self.configuration),
                size: Int64(Self.configuration.count))
            #expect(try await source.document(descriptor).bytes == Self.configuration)
        }
    }

    @Test func aBlobThatBreaksOffIsContinuedElsewhere() async throws {
        var cut = Self.layer("copy/app", Self.layer)
        cut.cut = 5
        let again = Exchange(cut.request, 404) { $0["range"] == "bytes=5-" }
        let size = Self.layer.count
        let rest = Exchange(
            "GET /v2/app/blobs/\(Digest(of: Self.layer))", 206, ["Content-Range": "bytes 5-\(size - 1)/\(size)"],
            body: Array(Self.layer[5...])
        ) { $0["range"] == "bytes=5-" }
        try await withServers([[Self.manifest("copy/app/manifests/1"), cut, again], [again], [rest]]) { servers in
            try await pull(registries(servers), servers)
        }
    }

    @Test func whenAllFailTheErrorIsThatOfTheRegistry() async throws {
        let mirror = Self.manifest("copy/app/manifests/1", 403)
        try await withServers([[mirror], [mirror], [Self.manifest("app/manifests/1", 404)]]) { servers in
            let source = try await open("app:1", registries(servers), servers)
            let failure = await #expect(throws: (any Error).self) { try await source.resolve() } as? any Failure
            #expect(failure?.kind == .notFound)
            let text = failure?.description ?? ""
            #expect(text.contains("GET http://127.0.0.1:\(servers[2].port)/v2/app/manifests/1: "))
            #expect(
                text.hasSuffix(
                    "tried before: 127.0.0.1:\(servers[0].port) (denied), 127.0.0.1:\(servers[1].port) (denied)"))
        }
    }

    @Test func aBlockedRegistryIsNotAsked() async throws {
        try await withServers([[]]) { servers in
            let file = "[[registry]]\nlocation = '127.0.0.1:\(servers[0].port)/app'\nblocked = true"
            let failure = await #expect(throws: PullFailure.self) { try await pull(file, servers) }
            #expect(failure?.kind == .denied)
            #expect(failure?.description.contains("registries.conf") == true)
        }
    }

    @Test func aDigestIsWantedFromMirrorsThatServeDigestsOnly() async throws {
        let digest = Digest(of: Self.manifest)
        try await withServers([
            [Self.manifest("app/manifests/\(digest)")],
            [Self.manifest("app/manifests/1")],
        ]) { servers in
            let file = """
                [[registry]]
                location = "127.0.0.1:\(servers[1].port)"
                mirror-by-digest-only = true
                [[registry.mirror]]
                location = "127.0.0.1:\(servers[0].port)"
                """
            for name in ["app:1", "app@\(digest)"] {
                let root = try await open(name, file, servers).resolve()
                #expect(root.digest == digest)
            }
        }
    }

    /// The server takes a TLS handshake for a bad request, as one without TLS does.
    @Test func anInsecureRegistryWithoutTLSIsSpokenToInTheClear() async throws {
        try await withServers([[Self.manifest("app/manifests/1"), Self.layer("app", Self.layer)]]) { servers in
            let file = "[[registry]]\nlocation = '127.0.0.1:\(servers[0].port)'\ninsecure = true"
            try await pull(file, servers)
            #expect(warnings == [])
        }
    }

    @Test func headersAndTheNameOfTheRegistryGoToTheHostThatTheyAreFor() async throws {
        try await withServers([
            [
                Exchange("GET /proxy/app/manifests/1?ns=HOME", 404) { $0["x-key"] == "mirror" },
                Exchange("GET /proxy/app/blobs/\(Digest(of: Self.layer))?ns=HOME", 307, ["Location": "REST/blob"]) {
                    $0["x-key"] == "mirror"
                },
            ],
            [
                Exchange("GET /v2/app/manifests/1", 200, Self.type, body: Self.manifest) { $0["x-key"] == "home" },
                Exchange("GET /v2/app/blobs/\(Digest(of: Self.layer))", 404),
            ],
            [Exchange("GET /blob", 200, body: Self.layer) { $0["x-key"] == nil }],
        ]) { servers in
            let hosts = """
                [header]
                x-key = "home"
                [host."\(servers[0].origin)/proxy"]
                override_path = true
                [host."\(servers[0].origin)/proxy".header]
                x-key = ["mirror"]
                """
            try await withTemporaryDirectory { directory in
                let home = "127.0.0.1:\(servers[1].port)"
                try write(Array(hosts.utf8), to: directory.appending(home).appending("hosts.toml"))
                var settings = MirrorSettings()
                settings.hostsDirectories = [directory]
                let source = try open("\(home)/app:1", settings)
                #expect(try await source.resolve().digest == Digest(of: Self.manifest))
                #expect(try await bytes(of: Self.layer, in: source) == Self.layer)
            }
        }
    }

    // MARK: Servers

    private var warnings: [String] { heard.value.withLock { $0 } }

    /// Runs scripts of several servers. In them `HOME` is the second one's name, `REST` the third one's origin.
    private func withServers(_ scripts: [[Exchange]], _ body: ([ScriptedHTTP]) async throws -> Void) async throws {
        var servers: [ScriptedHTTP] = []
        defer { servers.forEach { $0.stop() } }
        for rows in scripts.reversed() {
            let (home, rest) = (servers.first?.port ?? 0, servers.last?.origin ?? "")
            let rows = rows.map { row in
                var row = row
                row.request = row.request.replacing("HOME", with: "127.0.0.1%3A\(home)")
                row.headers["Location"] = row.headers["Location"]?.replacing("REST", with: rest)
                return row
            }
            servers.insert(try ScriptedHTTP(rows), at: 0)
        }
        try await body(servers)
        for server in servers { #expect(server.deviations == []) }
    }

    /// The last server is the registry, the others are its mirrors.
    private func registries(_ servers: [ScriptedHTTP]) -> String {
        "[[registry]]\nlocation = '127.0.0.1:\(servers.last?.port ?? 0)'\n"
            + servers.dropLast().map { "[[registry.mirror]]\nlocation = '127.0.0.1:\($0.port)/copy'\n" }.joined()
    }

    /// Opens an image of the last server's, with `registries.conf` as given.
    private func open(_ name: String, _ file: String, _ servers: [ScriptedHTTP]) async throws -> any ImageSource {
        try await withTemporaryDirectory { directory in
            var settings = MirrorSettings()
            settings.registriesFiles = [directory.appending("registries.conf")]
            try write(Array(file.utf8), to: settings.registriesFiles[0])
            return try open("127.0.0.1:\(servers.last?.port ?? 0)/\(name)", settings)
        }
    }

    private func open(_ text: String, _ settings: MirrorSettings) throws -> any ImageSource {
        var retry = RetryPolicy()
        retry.sleep = { _ in }
        let network = Network(CurlClient(insecure: false, certificateDirectories: []), retry: retry) { [heard] line in
            heard.value.withLock { $0.append(line) }
        }
        return try ImageLocation(parsing: text).openSource(
            TransportOptions(temporaryDirectory: "/tmp", network: network, mirrors: settings))
    }

    /// Reads the image `app:1` and its layer.
    @discardableResult
    private func pull(_ file: String, _ servers: [ScriptedHTTP]) async throws -> any ImageSource {
        let source = try await open("app:1", file, servers)
        let root = try await source.resolve()
        #expect(root.digest == Digest(of: Self.manifest))
        #expect(try await source.document(root).bytes == Self.manifest)
        #expect(try await bytes(of: Self.layer, in: source) == Self.layer)
        return source
    }

    private func bytes(of content: [UInt8], in source: any ImageSource) async throws -> [UInt8] {
        let descriptor = blob(content)
        return try await source.withBlob(descriptor) { _ in
        } _: { blob in
            try await onThread { try blob.allBytes(descriptor.size) }
        }
    }
}
