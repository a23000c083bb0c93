import Content
import OCI
import TestSupport
import Testing

@testable import Transports

/// The client against answers that are malformed, or meant to do harm.
@Suite(.timeLimit(.minutes(15)))
struct HostileRegistryTests {
    private static let manifest = Array(#"{"schemaVersion":2,"config":{},"layers":[]}"#.utf8)
    private static let type = ["Content-Type": "application/vnd.oci.image.manifest.v1+json; charset=utf-8"]
    private static let get = "GET /v2/app/manifests/1"
    private static let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    private static let getBlob = "GET /v2/app/blobs/\(Digest(of: bytes))"

    @Test func aRangeThatWasNotAskedForIsRefused() async throws {
        let other = Exchange(Self.getBlob, 206, ["Content-Range": "bytes 0-99999/100000"], body: Self.bytes)
        let rows = [Exchange(Self.getBlob, 200, body: Self.bytes, cut: 60_000), other, other]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            await #expect(throws: RegistryAnswerFailure.self) { try await client.bytes(of: blob(Self.bytes)) }
        }
    }

    @Test(arguments: [false, true])
    func aBlobThatIsLongerThanSaidFailsAtOnce(hidesLength: Bool) async throws {
        var row = Exchange(Self.getBlob, 200, body: Self.bytes + Self.bytes)
        row.hidesLength = hidesLength
        try await withScript([row]) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryAnswerFailure.self) {
                // Wants one byte more than there is, so it must see why there is none.
                try await client.registry.withBlob(blob(Self.bytes)) { _ in
                } _: { source in
                    try await onThread { try source.allBytes(Int64(Self.bytes.count) + 1) }
                }
            }
            #expect(failure?.kind == .invalid)
        }
    }

    @Test func aDocumentMustHaveItsDigestAndSize() async throws {
        let descriptor = Descriptor(
            mediaType: .ociConfiguration, digest: Digest(of: Self.bytes), size: Int64(Self.manifest.count))
        // What was changed on its way is right the next time, so it is asked for twice more.
        let rows =
            Array(repeating: Exchange(Self.getBlob, 200, body: Self.manifest), count: 3)
            + [Exchange(Self.getBlob, 200, body: Self.manifest + [10])]
            + Array(repeating: Exchange(Self.getBlob, 200, body: Self.manifest.dropLast()), count: 3)
        try await withScript(rows) { server in
            let client = try ScriptedClient(server)
            await #expect(throws: DigestFailure.self) { try await client.registry.document(descriptor) }
            await #expect(throws: HTTPFailure.self) { try await client.registry.document(descriptor) }
            await #expect(throws: RegistryAnswerFailure.self) { try await client.registry.document(descriptor) }
            var large = descriptor
            large.size = 1 << 40
            await #expect(throws: DocumentFailure.self) { try await client.registry.document(large) }
            #expect(server.deviations == [])
        }
    }

    @Test func theDigestOfAManifestIsThatOfItsBytes() async throws {
        let wrong = Self.type.merging(["Docker-Content-Digest": "\(Digest(of: Self.bytes))"]) { $1 }
        let pin = "GET /v2/app/manifests/\(Digest(of: Self.bytes))"
        let rows =
            Array(repeating: Exchange(Self.get, 200, wrong, body: Self.manifest), count: 3)
            + Array(repeating: Exchange(pin, 200, Self.type, body: Self.manifest), count: 3)
        try await withScript(rows) { server in
            await #expect(throws: DigestFailure.self) { try await ScriptedClient(server).registry.resolve() }
            let pinned = try ScriptedClient(server, "app@\(Digest(of: Self.bytes))")
            await #expect(throws: DigestFailure.self) { try await pinned.registry.resolve() }
            #expect(server.deviations == [])
        }
    }

    @Test func aManifestOfTwoTypesIsRefused() async throws {
        let body = Array(#"{"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]}"#.utf8)
        try await withScript([Exchange(Self.get, 200, Self.type, body: body)]) { server in
            await #expect(throws: RegistryAnswerFailure.self) { try await ScriptedClient(server).registry.resolve() }
        }
    }

    @Test func anEndlessErrorPageIsCut() async throws {
        var row = Exchange(Self.get, 404, body: [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        row.isEndless = true
        row.hidesLength = true
        try await withScript([row]) { server in
            let failure = await #expect(throws: RegistryFailure.self) {
                try await ScriptedClient(server).registry.resolve()
            }
            #expect(failure?.kind == .notFound)
            #expect((failure?.description.utf8.count ?? .max) < 500)
        }
    }

    @Test(arguments: [false, true])
    func aManifestWithoutEndIsNotReadToItsEnd(saysItsLength: Bool) async throws {
        var row = Exchange(Self.get, 200, Self.type, body: [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20))
        row.isEndless = true
        row.hidesLength = true
        if saysItsLength { row.headers["Content-Length"] = "\(1 << 30)" }
        try await withScript([row]) { server in
            let failure = await #expect(throws: HTTPFailure.self) {
                try await ScriptedClient(server).registry.resolve()
            }
            #expect(failure?.kind == .invalid)
            #expect(failure?.description.contains("at most 4194304 bytes") == true)
        }
    }

    @Test func aBlobWithoutEndIsNotReadToItsEnd() async throws {
        var row = Exchange(Self.getBlob, 200, body: Self.bytes)
        row.isEndless = true
        row.hidesLength = true
        try await withScript([row]) { server in
            let client = try ScriptedClient(server)
            let failure = await #expect(throws: RegistryAnswerFailure.self) {
                try await client.registry.withBlob(blob(Self.bytes)) { _ in
                } _: { source in
                    try await onThread { try source.allBytes(Int64(Self.bytes.count) + 1) }
                }
            }
            #expect(failure?.kind == .invalid)
        }
    }

    @Test(arguments: [1, 5000])
    func headersOfMegabytesAreRefused(count: Int) async throws {
        let line = String(repeating: "x", count: (3 << 20) / count)
        let headers = Dictionary(uniqueKeysWithValues: (0..<count).map { ("X-\($0)", line) })
        try await withScript([Exchange(Self.get, 200, headers, body: Self.manifest)]) { server in
            let failure = await #expect(throws: HTTPFailure.self) {
                try await ScriptedClient(server).registry.resolve()
            }
            #expect(failure?.isTransient == false)
            #expect((failure?.description.utf8.count ?? .max) < 500)
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: ["sha256:\(String(repeating: "g", count: 64))", "sha256:../../etc", "sha256:", "x", ""])
    func aDigestThatIsNotHexCountsAsNone(digest: String) async throws {
        let headers = Self.type.merging(["Docker-Content-Digest": digest]) { $1 }
        try await withScript([Exchange(Self.get, 200, headers, body: Self.manifest)]) { server in
            let registry = try ScriptedClient(server).registry
            #expect(try await registry.resolve().digest == Digest(of: Self.manifest))
        }
    }

    @Test(arguments: ["[", #"{"a":"#])
    func aManifestThatIsNestedWithoutEndIsRefused(opening: String) async throws {
        let body = Array(String(repeating: opening, count: 100_000).utf8)
        try await withScript([Exchange(Self.get, 200, Self.type, body: body)]) { server in
            let failure = await #expect(throws: JSONFailure.self) {
                try await ScriptedClient(server).registry.resolve()
            }
            #expect("\(failure as Any)".contains("nested deeper than"))
        }
    }
}
