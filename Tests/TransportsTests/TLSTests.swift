import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Debian's `docker-registry` with TLS, which may want to know its clients.
@Suite(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"), .timeLimit(.minutes(15)))
struct TLSTests {
    /// Where certificates are named.
    enum Way: CaseIterable {
        case options
        case directoryOfTheHost
        case hostsFile
    }

    @Test(arguments: Way.allCases)
    func anImageGoesToARegistryThatWantsToKnowItsClientsAndComesBack(way: Way) async throws {
        try await withTemporaryDirectory { directory in
            let server = try LocalRegistry.certificate(in: directory)
            let client = try LocalRegistry.certificate(in: directory, named: "client", for: "DNS:client")
            let registry = try LocalRegistry(in: directory, certificate: server, clientAuthority: client.certificate)
            defer { registry.stop() }
            let certificates = directory.appending("certs.d").appending(registry.name)
            for (source, name) in [
                (server.certificate, "ca.crt"), (client.certificate, "client.cert"), (client.key, "client.key"),
            ] {
                try write(try FileSlice(opening: source).bytes(), to: certificates.appending(name))
            }
            let image = try SmallImage(in: directory)
            let location = try ImageLocation(parsing: "\(registry.name)/some/app:1")
            let pushing = try Self.options(server, client, [directory.appending("certs.d")], way)
            try await image.push(to: try location.openDestination(pushing))

            var pulling = pushing
            if way == .hostsFile {
                let file = """
                    ca = "ca.crt"
                    client = [["client.cert", "client.key"]]
                    """
                try write(Array(file.utf8), to: certificates.appending("hosts.toml"))
                pulling = Self.options(CurlClient(insecure: false, certificateDirectories: []))
                pulling.mirrors.hostsDirectories = [directory.appending("certs.d")]
                pulling.usesTLSOnLoopback = false
            }
            try await image.expectEqual(in: try location.openSource(pulling))
        }
    }

    @Test func withoutAClientCertificateTheErrorSaysHowToNameOne() async throws {
        try await withTemporaryDirectory { directory in
            let server = try LocalRegistry.certificate(in: directory)
            let client = try LocalRegistry.certificate(in: directory, named: "client", for: "DNS:client")
            let registry = try LocalRegistry(in: directory, certificate: server, clientAuthority: client.certificate)
            defer { registry.stop() }
            for pair in [nil, server] {
                var trust = HostCertificates()
                try trust.trust(server.certificate)
                trust.clientCertificate = pair?.certificate
                trust.clientKey = pair?.key
                let options = Self.options(CurlClient(insecure: false, trust, certificateDirectories: []))
                let failure = try await Self.failure(of: registry.name, options)
                #expect(failure?.description.contains("--cert-file") == true, "\(String(describing: failure))")
                #expect(failure?.kind == .unavailable)
            }
        }
    }

    @Test func aServerOfAnUnknownAuthorityIsRefusedWithARemedy() async throws {
        try await withTemporaryDirectory { directory in
            let server = try LocalRegistry.certificate(in: directory)
            let other = try LocalRegistry.certificate(in: directory, named: "other")
            let registry = try LocalRegistry(in: directory, certificate: server)
            defer { registry.stop() }
            for authority in [nil, other.certificate] {
                var trust = HostCertificates()
                if let authority { try trust.trust(authority) }
                let options = Self.options(CurlClient(insecure: false, trust, certificateDirectories: []))
                let failure = try await Self.failure(of: registry.name, options)
                #expect(failure?.description.contains("--ca-file") == true, "\(String(describing: failure))")
                #expect(failure?.description.contains("certs.d/\(registry.name)/ca.crt") == true)
            }
            let insecure = Self.options(CurlClient(insecure: true, certificateDirectories: []))
            #expect(try await Self.failure(of: registry.name, insecure)?.kind == .notFound)
        }
    }

    @Test func aClientCertificateThatIsNoneIsNamed() async throws {
        try await withTemporaryDirectory { directory in
            let server = try LocalRegistry.certificate(in: directory)
            let registry = try LocalRegistry(in: directory, certificate: server)
            defer { registry.stop() }
            try write(Array("nonsense".utf8), to: directory.appending("client.cert"))
            var trust = HostCertificates()
            try trust.trust(server.certificate)
            trust.clientCertificate = directory.appending("client.cert")
            trust.clientKey = directory.appending("client.cert")
            let failure = try await Self.failure(
                of: registry.name, Self.options(CurlClient(insecure: false, trust, certificateDirectories: [])))
            #expect(failure?.description.contains("client.cert") == true, "\(String(describing: failure))")
            #expect(failure?.description.contains("--cert-file") == true)
            #expect(failure?.description.contains("ca.crt") == false)
        }
    }

    /// A registry that stands behind a mirror which has a certificate nobody knows.
    @Test func anInsecureMirrorMayHaveAnyCertificate() async throws {
        try await withTemporaryDirectory { directory in
            let server = try LocalRegistry.certificate(in: directory)
            let registry = try LocalRegistry(in: directory, certificate: server)
            defer { registry.stop() }
            let image = try SmallImage(in: directory)
            let location = try ImageLocation(parsing: "\(registry.name)/app:1")
            let general = Self.options(CurlClient(insecure: true, certificateDirectories: []))
            try await image.push(to: try location.openDestination(general))

            var options = Self.options(CurlClient(insecure: false, certificateDirectories: []))
            let file = directory.appending("registries.conf")
            try write(Array("[[registry]]\nlocation = '\(registry.name)'\ninsecure = true".utf8), to: file)
            options.mirrors.registriesFiles = [file]
            try await image.expectEqual(in: try location.openSource(options))
        }
    }

    private static func options(
        _ server: (certificate: FilePath, key: FilePath), _ client: (certificate: FilePath, key: FilePath),
        _ directories: [FilePath], _ way: Way
    ) throws -> TransportOptions {
        guard way == .options else {
            return options(CurlClient(insecure: false, certificateDirectories: directories))
        }
        var certificates = HostCertificates()
        try certificates.trust(server.certificate)
        certificates.clientCertificate = client.certificate
        certificates.clientKey = client.key
        return options(CurlClient(insecure: false, certificates, certificateDirectories: []))
    }

    private static func options(_ client: CurlClient) -> TransportOptions {
        var retry = RetryPolicy()
        retry.sleep = { _ in }
        // A server that refuses a certificate may hang up before its reason has been read.
        retry.tries = 50
        return TransportOptions(
            temporaryDirectory: "/tmp", network: Network(client, retry: retry), credentials: .anonymous,
            usesTLSOnLoopback: true)
    }

    private static func failure(of registry: String, _ options: TransportOptions) async throws -> (any Failure)? {
        let source = try ImageLocation(parsing: "\(registry)/app:1").openSource(options)
        return await #expect(throws: (any Error).self) { try await source.resolve() } as? any Failure
    }
}
