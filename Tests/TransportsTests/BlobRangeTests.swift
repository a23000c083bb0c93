import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Reading parts of blobs that stay where they are.
@Suite(.timeLimit(.minutes(15)))
struct BlobRangeTests {
    private static let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    private static let get = "GET /v2/app/blobs/\(Digest(of: content))"

    private static func part(_ range: Range<Int>, _ line: String = get, total: String = "100000") -> Exchange {
        Exchange(
            line, 206, ["Content-Range": "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(total)"],
            body: Array(content[range])
        ) { $0["range"] == "bytes=\(range.lowerBound)-\(range.upperBound - 1)" }
    }

    private func bytes(in range: Range<Int64>, of server: ScriptedHTTP) async throws -> [UInt8] {
        try await ScriptedClient(server).registry.open(blob(Self.content)).bytes(in: range)
    }

    @Test(arguments: ["100000", "*"])
    func aPartIsAskedForAndNothingElse(total: String) async throws {
        try await withScript([Self.part(500..<700, total: total)]) { server in
            let found = try await bytes(in: 500..<700, of: server)
            #expect(found == Array(Self.content[500..<700]))
            #expect(try await bytes(in: 500..<500, of: server) == [])
            #expect(server.deviations == [])
        }
    }

    @Test func aRegistryWithoutRangesIsNoticedBeforeAnythingIsFetched() async throws {
        var row = Exchange(Self.get, 200, body: Self.content)
        row.isEndless = true
        try await withScript([row]) { server in
            await #expect {
                try await bytes(in: 500..<700, of: server)
            } throws: { error in
                if case .noRanges? = error as? RegistryAnswerFailure { true } else { false }
            }
        }
    }

    @Test func theWholeBlobMayComeWithoutARange() async throws {
        try await withScript([Exchange(Self.get, 200, body: Self.content)]) { server in
            let found = try await bytes(in: 0..<100_000, of: server)
            #expect(found == Self.content)
        }
    }

    @Test(arguments: [
        ["Content-Range": "bytes 501-700/100000"], ["Content-Range": "bytes 500-698/100000"],
        ["Content-Range": "bytes 500-699/99999"], [:],
    ])
    func anotherPartThanTheOneAskedForIsRefused(headers: [String: String]) async throws {
        let row = Exchange(Self.get, 206, headers, body: Array(Self.content[500..<700]))
        try await withScript([row]) { server in
            #expect(await failureKind { try await bytes(in: 500..<700, of: server) } == .unavailable)
        }
    }

    @Test func moreThanWhatWasAskedForIsRefused() async throws {
        let row = Exchange(
            Self.get, 206, ["Content-Range": "bytes 500-699/100000"], body: Array(Self.content[500..<701]))
        try await withScript([row]) { server in
            #expect(await failureKind { try await bytes(in: 500..<700, of: server) } == .unavailable)
        }
    }

    @Test func aPartThatBreaksOffIsAskedForAgain() async throws {
        var broken = Self.part(500..<700)
        broken.cut = 100
        let busy = Exchange(Self.get, 503)
        try await withScript([broken, busy, Self.part(500..<700)]) { server in
            let found = try await bytes(in: 500..<700, of: server)
            #expect(found == Array(Self.content[500..<700]))
            #expect(server.deviations == [])
        }
    }

    @Test func theStorageIsAskedDirectlyFromThenOnAndSeesNoCredentials() async throws {
        let credentials = Credentials(username: "user", password: "secret")
        let stale = Exchange("GET /store?sig=1", 403)
        let anonymous: @Sendable (Exchange) -> Exchange = { row in
            var row = row
            let condition = row.condition
            row.condition = { condition($0) && $0["authorization"] == nil }
            return row
        }
        let storage = try ScriptedHTTP(
            [
                Self.part(0..<10, "GET /store?sig=1"), Self.part(10..<20, "GET /store?sig=1"), stale,
                Self.part(20..<30, "GET /store?sig=2"),
            ].map(anonymous))
        defer { storage.stop() }
        let rows = [
            Exchange(Self.get, 401, ["WWW-Authenticate": "Basic realm=x"]),
            Exchange(Self.get, 307, ["Location": "\(storage.origin)/store?sig=1"]) {
                $0["authorization"] == credentials.basic
            },
            Exchange(Self.get, 307, ["Location": "\(storage.origin)/store?sig=2"]),
        ]
        try await withScript(rows) { server in
            let client = try ScriptedClient(server, credentials: credentials)
            let blob = try await client.registry.open(blob(Self.content))
            for start in stride(from: Int64(0), to: 30, by: 10) {
                #expect(
                    try await blob.bytes(in: start..<start + 10) == Array(Self.content[Int(start)..<Int(start) + 10]))
            }
            #expect(server.deviations == [] && storage.deviations == [])
        }
    }

    @Test func aMirrorThatFailsIsReplacedWithinABlob() async throws {
        let line = "GET /v2/copy/app/blobs/\(Digest(of: Self.content))"
        let mirror = try ScriptedHTTP([Self.part(0..<10, line), Exchange(line, 404)])
        let home = try ScriptedHTTP([Self.part(10..<20)])
        defer {
            mirror.stop()
            home.stop()
        }
        try await withTemporaryDirectory { directory in
            let file = directory.appending("registries.conf")
            let text =
                "[[registry]]\nlocation = '127.0.0.1:\(home.port)'\n"
                + "[[registry.mirror]]\nlocation = '127.0.0.1:\(mirror.port)/copy'\n"
            try write(Array(text.utf8), to: file)
            var settings = MirrorSettings()
            settings.registriesFiles = [file]
            let network = Network(CurlClient(insecure: false, certificateDirectories: []))
            let source = try ImageLocation(parsing: "127.0.0.1:\(home.port)/app:1").openSource(
                TransportOptions(temporaryDirectory: directory, network: network, mirrors: settings))
            let blob = try await source.open(blob(Self.content))
            #expect(try await blob.bytes(in: 0..<10) == Array(Self.content[0..<10]))
            #expect(try await blob.bytes(in: 10..<20) == Array(Self.content[10..<20]))
            #expect(mirror.deviations == [] && home.deviations == [])
        }
    }

    @Test func layoutsAndArchivesAreReadInPlace() async throws {
        try await withTemporaryDirectory { directory in
            let image = try ArchivedTestImage()
            let archive = directory.appending("image.tar")
            try write(Tar(.ustar, items: layoutMembers([image.entry()]) + image.blobs).bytes, to: archive)
            let source = try open("oci-archive:\(archive)", in: directory)
            let layer = image.layers[1]
            let blob = try await source.open(layer.descriptor)
            #expect(blob.count == Int64(layer.blob.count))
            #expect(try await blob.bytes(in: 5..<600) == Array(layer.blob[5..<600]))
            await #expect(throws: (any Error).self) { try await blob.bytes(in: 0..<1 << 40) }
        }
    }

    @Test func requestsAndBytesAreCounted() async throws {
        try await withScript([Self.part(0..<10), Self.part(10..<30)]) { server in
            var options = HTTPOptions()
            let tally = TransferTally()
            options.tally = tally
            let client = RegistryClient(
                try ImageReference(parsing: "127.0.0.1:\(server.port)/app:1"),
                at: try HTTPURL(parsing: server.origin), over: CurlClient(insecure: false, options: options),
                credentials: nil, temporaryDirectory: "/tmp")
            let blob = try await client.open(blob(Self.content))
            _ = try await blob.bytes(in: 0..<10)
            _ = try await blob.bytes(in: 10..<30)
            #expect(tally.requests == 2 && tally.received == 30)
        }
    }
}
