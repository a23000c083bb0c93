import Content
import Conversion
import EStargz
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Layers that are changed on their way from a registry: they are fetched again, but not for ever.
@Suite(.timeLimit(.minutes(15)))
struct DamageTests {
    /// Which byte is another one; the first ones tell how the layer is compressed, the last ones how long it is.
    private static let places = [0, 3, 40, 1000, -1]

    @Test(arguments: places, [true, false])
    func aDamagedLayerIsFetchedAgain(place: Int, converts: Bool) async throws {
        try await withImage { image, directory in
            let damaged = image.layer(changing: place)
            let rows = image.documents + [damaged, damaged, image.layer()]
            let result = try await withScript(rows) { server in
                let result = try await image.run(converts, from: server, to: directory)
                #expect(server.deviations == [])
                return result
            }
            let clean = try await withScript(image.documents + [image.layer()]) { server in
                try await image.run(converts, from: server, to: directory.appending("clean"))
            }
            #expect(result == clean)
        }
    }

    @Test(arguments: places, [true, false])
    func aLayerThatStaysDamagedIsMalformed(place: Int, converts: Bool) async throws {
        try await withImage { image, directory in
            let rows = image.documents + Array(repeating: image.layer(changing: place), count: 3)
            try await withScript(rows) { server in
                let failure = await #expect(throws: ContextualFailure.self) {
                    try await image.run(converts, from: server, to: directory)
                }
                #expect(failure?.kind == .invalid, "\(String(describing: failure))")
                #expect(server.deviations == [])
            }
        }
    }

    /// Nothing happened to it on its way, so it is fetched once.
    @Test func aMalformedLayerIsNotFetchedAgain() async throws {
        try await withImage(Array("this is no tar".utf8)) { image, directory in
            try await withScript(image.documents + [image.layer()]) { server in
                let failure = await #expect(throws: ContextualFailure.self) {
                    try await image.run(true, from: server, to: directory)
                }
                #expect(failure?.kind == .invalid)
                #expect(server.deviations == [])
            }
        }
    }

    private func withImage(
        _ tar: [UInt8] = Tar { file("etc/motd", String(repeating: "hello world ", count: 500)) }.bytes,
        _ body: (ServedImage, FilePath) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let layout = try LayoutBuilder(at: directory.appending("source"))
            let layer = try BuiltTestLayer(gzip: tar)
            try await body(try ServedImage(try layout.putImage([layer]), layer.blob, in: layout), directory)
        }
    }
}

/// An image with one layer, as a registry gives it out.
private struct ServedImage {
    let documents: [Exchange]
    private let bytes: [UInt8]

    init(_ root: Descriptor, _ layer: [UInt8], in layout: borrowing LayoutBuilder) throws {
        let manifest = try FileSlice(opening: layout.blob(root.digest)).bytes()
        let configuration = try Manifest(Document(parsing: manifest), as: root.mediaType).configuration.digest
        documents = [
            Exchange("GET /v2/app/manifests/1", 200, ["Content-Type": root.mediaType.text], body: manifest),
            Exchange(
                "GET /v2/app/blobs/\(configuration)", 200,
                body: try FileSlice(opening: layout.blob(configuration)).bytes()),
        ]
        bytes = layer
    }

    func layer(changing place: Int? = nil) -> Exchange {
        var body = bytes
        if let place { body[place < 0 ? body.count + place : min(place, body.count / 2)] ^= 0x55 }
        return Exchange("GET /v2/app/blobs/\(Digest(of: bytes))", 200, body: body)
    }

    func run(_ converts: Bool, from server: ScriptedHTTP, to directory: FilePath) async throws -> Digest? {
        let retry = RetryPolicy(retries: 4, firstDelay: .milliseconds(1))
        let transport = TransportOptions(
            temporaryDirectory: "/tmp", network: Network(CurlClient(insecure: false), retry: retry))
        let source = try ImageLocation(parsing: "127.0.0.1:\(server.port)/app:1").openSource(transport)
        let location = ImageLocation.layout(directory.appending("result"), tag: "latest")
        let destinations = [Destination(location, try location.openDestination(transport))]
        let request = ConversionRequest(layers: LayerOptions(temporaryDirectory: "/tmp", workers: 1))
        let report =
            try await converts
            ? Converter(request, from: source, to: destinations) { _ in }.run()
            : ImageCopy(CopyRequest(), from: source, to: destinations) { _ in }.run()
        return report.result?.digest
    }
}
