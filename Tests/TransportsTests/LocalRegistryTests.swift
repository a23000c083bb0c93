import Content
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Against Debian's `docker-registry`.
@Suite(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"), .timeLimit(.minutes(5)))
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

    private func client(
        _ reference: String, _ credentials: Credentials?, _ directory: FilePath
    ) throws -> RegistryClient {
        let reference = try ImageReference(parsing: reference)
        return RegistryClient(
            reference, at: try RegistryClient.origin(of: reference.registry, plainHTTP: false),
            over: CurlClient(insecure: false), credentials: credentials, temporaryDirectory: directory)
    }
}
