import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

@Suite(.timeLimit(.minutes(15)))
struct CurlClientTests {
    private let client = CurlClient(insecure: false, certificateDirectories: [])

    @Test func aPortWhereNobodyListensIsATransientFailure() async throws {
        let server = try ScriptedHTTP([])
        server.stop()
        let url = try HTTPURL(parsing: server.origin)
        let failure = await #expect(throws: HTTPFailure.self) { try await client.send(HTTPRequest(.get, url)) }
        #expect(failure?.isTransient == true)
        #expect(failure?.kind == .unavailable)
    }

    @Test func aServerWithoutTLSGetsAHint() async throws {
        try await withScript([]) { server in
            let url = try HTTPURL(parsing: "https://127.0.0.1:\(server.port)/")
            let failure = await #expect(throws: HTTPFailure.self) { try await client.send(HTTPRequest(.get, url)) }
            #expect(failure?.description.contains("--plain-http") == true)
            #expect(failure?.isTransient == false)
        }
    }

    @Test func aHeaderCannotAddALine() async throws {
        let url = try HTTPURL(parsing: "http://127.0.0.1:1/")
        await #expect(throws: HTTPFailure.self) {
            try await client.send(HTTPRequest(.get, url, headers: ["Accept": "a\r\nX: y"]))
        }
    }

    @Test func cancellingEndsATransferThatStalls() async throws {
        var row = Exchange("GET /", 200, body: [1, 2, 3], cut: 1)
        row.stalls = true
        try await withScript([row]) { server in
            let url = try HTTPURL(parsing: server.origin)
            // Left alone, libcurl would give up after a minute, with another failure.
            await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.send(HTTPRequest(.get, url)) }
                    try await onThread { server.waitForRequests(1) }
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"))
    func certificatesOfTheHostAreTrusted() async throws {
        try await withTemporaryDirectory { directory in
            let pair = try LocalRegistry.certificate(in: directory)
            let registry = try LocalRegistry(in: directory, certificate: pair)
            defer { registry.stop() }

            let origin = { (directories: [FilePath]) in
                try RegistryClient.origin(of: registry.name, plainHTTP: false, certificateDirectories: directories)
            }
            #expect(try origin([]).scheme == .http)
            let certificates = directory.appending("certs.d")
            try write(
                try FileSlice(opening: pair.certificate).bytes(),
                to: certificates.appending(registry.name).appending("ca.crt"))
            let url = try origin([certificates])
            #expect(url.scheme == .https)

            let request = HTTPRequest(.get, try url.resolving("/v2/"))
            let trusting = CurlClient(insecure: false, certificateDirectories: [certificates])
            #expect(try await trusting.send(request).status == 200)
            #expect(try await CurlClient(insecure: true, certificateDirectories: []).send(request).status == 200)
            let failure = await #expect(throws: HTTPFailure.self) { try await client.send(request) }
            #expect(failure?.description.contains("certs.d/\(registry.name)/ca.crt") == true)
            #expect(failure?.isTransient == false)
        }
    }

    @Test func aClientPairNeedsItsKey() async throws {
        try await withTemporaryDirectory { directory in
            try write([], to: directory.appending("host:1/client.cert"))
            #expect(throws: CertificateFailure.self) {
                try HostCertificates.find(for: "host:1", in: [directory])
            }
            try write([], to: directory.appending("host:1/client.key"))
            let found = try HostCertificates.find(for: "host:1", in: [directory])
            #expect(found?.clientCertificate == directory.appending("host:1/client.cert"))
            #expect(found?.clientKey == directory.appending("host:1/client.key"))
            #expect(try HostCertificates.find(for: "host:2", in: [directory]) == nil)
        }
    }
}
