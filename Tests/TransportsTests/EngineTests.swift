import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// An engine, as far as a script can be one; podman is asked in the end-to-end tests.
@Suite(.timeLimit(.minutes(15)))
struct EngineTests {
    private static let name = "docker.io/library/app:1"

    @Test func anImageIsReadFromTheArchiveThatTheEngineSends() async throws {
        let image = try ArchivedTestImage()
        let archive = Tar(.gnu, items: image.legacyMembers + [dockerManifest([image.legacyEntry(["app:1"])])]).bytes
        try await withEngine([Exchange("GET /images/\(Self.name)/get", 200, body: archive)]) { engine, options in
            let source = engine.source(.name(try ImageReference(parsing: "app:1")), options)
            try await image.expectEqual(in: source)
        }
    }

    @Test func anImageIsLoadedInOnePiece() async throws {
        let image = try ArchivedTestImage()
        let rows = [
            Exchange("GET /images/\(Self.name)/json", 404, body: Array(#"{"message":"no such image"}"#.utf8)),
            Exchange(
                "POST /images/load?quiet=1", 200, body: Array((#"{"stream":"Loaded image: app:1\n"}"# + "\r\n").utf8)),
        ]
        try await withEngine(rows) { engine, options in
            let place = try engine.destination(
                .name(try ImageReference(parsing: "app:1")), additionalTags: [], options)
            #expect(try await place.occupants() == [])
            try await image.push(to: place)
        } after: { requests, directory in
            let path = directory.appending("loaded")
            try write(try #require(requests.last).body, to: path)
            try await image.expectEqual(in: open("docker-archive:\(path):app:1", in: directory))
        }
    }

    @Test(arguments: [
        (404, #"{"message":"no such image"}"#, FailureKind.notFound, "no such image"),
        (403, #"{"message":"not you"}"#, .denied, "not you"),
        (500, #"{"message":"disk\nfull"}"#, .unavailable, "disk\u{fffd}full"), (502, "<html>", .unavailable, "502"),
        (200, "", .invalid, "the archive from"), (200, "no tar", .invalid, "the archive from"),
    ])
    func whatTheEngineSaysOfAnImageIsToldOn(
        status: Int, body: String, kind: FailureKind, message: String
    ) async throws {
        try await withEngine([Exchange("GET /images/\(Self.name)/get", status, body: Array(body.utf8))]) {
            engine, options in
            do {
                _ = try await engine.source(.name(try ImageReference(parsing: "app:1")), options).resolve()
                Issue.record("expected a failure")
            } catch let failure as any Failure {
                #expect(failure.kind == kind, "\(failure)")
                #expect(failure.description.contains(message), "\(failure)")
            }
        }
    }

    @Test(arguments: [
        (200, #"{"errorDetail":{"message":"no space left"},"error":"no space left"}"#, "no space left"),
        (200, #"{"stream":"x"}"# + "\n" + #"{"error":"bad tar"}"#, "bad tar"),
        (500, #"{"cause":"x","message":"bad archive"}"#, "bad archive"),
    ])
    func anImageThatIsNotLoadedIsAFailure(status: Int, body: String, message: String) async throws {
        let image = try ArchivedTestImage()
        try await withEngine([Exchange("POST /images/load?quiet=1", status, body: Array(body.utf8))]) {
            engine, options in
            let place = try engine.destination(
                .name(try ImageReference(parsing: "app:1")), additionalTags: [], options)
            let failure = await #expect(throws: EngineFailure.self) { try await image.push(to: place) }
            #expect(failure?.kind == .unavailable)
            #expect(failure?.description.contains(message) == true)
        }
    }

    @Test(arguments: [
        ("ssh://me:s3cret@host", FailureKind.usage), ("tcp://me:s3cret?@host", .invalid), ("fd://", .usage),
        ("npipe:////./pipe/docker", .usage), ("host", .usage),
        ("unix:///tmp/there/is/none.sock", .unavailable), ("tcp://ho st:1", .invalid),
    ])
    func anAddressThatLeadsToNoEngineIsRefused(host: String, kind: FailureKind) {
        let failure = #expect(throws: (any Error).self) { try Engine(host: host) } as? any Failure
        #expect(failure?.kind == kind)
        #expect(failure?.description.contains("s3cret") == false)
    }

    @Test(arguments: [
        ("tcp://host", "http://host:2375"), ("tcp://host:1234", "http://host:1234"),
        ("tcp://[::1]", "http://[::1]:2375"),
        ("tcp://[::1]:80", "http://[::1]"), ("http://host", "http://host"),
    ])
    func anAddressWithoutAPortMeansThatOfDocker(host: String, origin: String) throws {
        #expect(try Engine(host: host).root.origin == origin)
    }

    @Test func anImageIsNotWrittenUnderAnID() async throws {
        let digest = Digest(of: [])
        try await withEngine([]) { engine, options in
            #expect(
                await failureKind { try engine.destination(.id(digest), additionalTags: [], options) } == .usage)
        }
    }

    private func withEngine(
        _ rows: [Exchange], _ body: (Engine, TransportOptions) async throws -> Void,
        after: ([ScriptedHTTP.Request], FilePath) async throws -> Void = { _, _ in }
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withScript(rows) { server in
                try await body(try Engine(host: "tcp://127.0.0.1:\(server.port)"), options(in: directory))
                #expect(server.deviations == [])
                #expect(try names(below: directory) == [])
                try await after(server.requests, directory)
            }
        }
    }
}
