import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Against Debian's `docker-registry`.
@Suite(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"), .timeLimit(.minutes(15)))
struct LocalRegistryTests {
    @Test(arguments: [nil, "pass:word"])
    func anImageComesBackAsItWasPushed(password: String?) async throws {
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory, user: password.map { ("user", $0) })
            defer { registry.stop() }
            let credentials = password.map { Credentials(username: "user", password: $0) }
            let image = try SmallImage(in: directory)
            let client = try client("\(registry.name)/some/app:1", credentials, directory)

            #expect(try await client.occupants() == [])
            try await image.push(to: client)
            #expect(try await client.occupants().map(\.digest) == [image.manifest.digest])

            let source = try self.client("\(registry.name)/some/app:1", credentials, directory)
            try await image.expectEqual(in: source)
            #expect(try await client.contains(image.layer, mountingFrom: nil))
        }
    }

    @Test func aBlobOfAnotherRepositoryIsMounted() async throws {
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory)
            defer { registry.stop() }
            let image = try SmallImage(in: directory)
            let source = try client("\(registry.name)/first:1", nil, directory)
            try await image.push(to: source)
            let target = try client("\(registry.name)/second:1", nil, directory)
            #expect(try await target.contains(image.layer, mountingFrom: nil) == false)
            #expect(try await target.contains(image.layer, mountingFrom: source))
            #expect(try await target.contains(image.layer, mountingFrom: nil))
        }
    }

    @Test(arguments: [Credentials.Secret.password("pass:word"), .identityToken("identity-0")])
    func aRunNeedsOneTokenForBothEnds(secret: Credentials.Secret) async throws {
        try await withTokens { registry, tokens, directory in
            let image = try SmallImage(in: directory)
            let network = Network(CurlClient(insecure: false))
            let credentials = CredentialChoice.given(Credentials(username: "user", secret))
            let source = try Self.end("\(registry.name)/some/app:1", network, credentials, .push("some/app"))
            let target = try Self.end("\(registry.name)/other:1", network, credentials, .push("other"))
            try await image.push(to: source)
            #expect(try await target.contains(image.layer, mountingFrom: source))
            try await image.push(to: target)
            try await image.expectEqual(in: target)
            #expect(tokens.grants.map(\.method) == [secret == .identityToken("identity-0") ? "POST" : "GET"])
            #expect(
                tokens.grants.map(\.scopes) == [["repository:other:pull,push", "repository:some/app:pull,push"]])
        }
    }

    @Test func aTokenThatTurnsOutToBeTooLittleIsReplaced() async throws {
        try await withTokens(isStingy: true) { registry, tokens, directory in
            let image = try SmallImage(in: directory)
            let credentials = CredentialChoice.given(Credentials(username: "user", password: "pass:word"))
            let client = try Self.end(
                "\(registry.name)/app:1", Network(CurlClient(insecure: false)), credentials, .pull("base"))
            try await image.push(to: client)
            try await image.expectEqual(in: client)
            #expect(
                tokens.grants.map(\.scopes) == [
                    ["repository:app:pull,push", "repository:base:pull"], ["repository:app:pull,push"],
                ])
        }
    }

    @Test(arguments: [nil, Credentials(username: "user", password: "wrong-one")])
    func aTokenServerThatKnowsNobodyKeepsTheDoorShut(credentials: Credentials?) async throws {
        try await withTokens { registry, _, directory in
            let client = try client("\(registry.name)/app:1", credentials, directory)
            do {
                _ = try await client.resolve()
                Issue.record("expected a failure")
            } catch let failure as any Failure {
                #expect(failure.kind == .denied)
                #expect(!failure.description.contains("wrong-one"))
            }
        }
    }

    @Test func withoutCredentialsTheDoorStaysShut() async throws {
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory, user: ("user", "secret"))
            defer { registry.stop() }
            for credentials in [nil, Credentials(username: "user", password: "wrong-one")] {
                let client = try client("\(registry.name)/app:1", credentials, directory)
                let failure = await #expect(throws: RegistryFailure.self) { try await client.resolve() }
                #expect(failure?.kind == .denied)
                #expect(failure.map { "\($0)".contains("wrong-one") } == false)
            }
        }
    }

    @Test func aTagThatIsNotThereIsNotFound() async throws {
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory)
            defer { registry.stop() }
            let client = try client("\(registry.name)/app:1", nil, directory)
            let failure = await #expect(throws: RegistryFailure.self) { try await client.resolve() }
            #expect(failure?.kind == .notFound)
            #expect(failure?.diagnostics.first?.code == "MANIFEST_UNKNOWN")
        }
    }

    private func withTokens(
        isStingy: Bool = false, _ body: (LocalRegistry, TokenIssuer, FilePath) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let tokens = try TokenIssuer(in: directory, user: ("user", "pass:word"), isStingy: isStingy)
            defer { tokens.stop() }
            let registry = try LocalRegistry(in: directory, tokens: tokens)
            defer { registry.stop() }
            try await body(registry, tokens, directory)
        }
    }

    /// One end of a run.
    private static func end(
        _ reference: String, _ network: Network, _ credentials: CredentialChoice, _ scope: TokenScope
    ) throws -> RegistryClient {
        try RegistryClient(
            try ImageReference(parsing: reference),
            TransportOptions(temporaryDirectory: "/tmp", network: network, credentials: credentials), for: scope)
    }

    private func client(
        _ reference: String, _ credentials: Credentials?, _ directory: FilePath
    ) throws -> RegistryClient {
        let reference = try ImageReference(parsing: reference)
        return RegistryClient(
            reference, at: try RegistryClient.origin(of: reference.registry, plainHTTP: false),
            over: CurlClient(insecure: false), credentials: credentials, temporaryDirectory: directory)
    }
}
