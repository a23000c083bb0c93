import Content
import EStargz
import Inspection
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// What a verification says of registries that the Stargz Snapshotter cannot read lazily, though we could.
@Suite(.timeLimit(.minutes(5)))
struct VerifyRegistryTests {
    typealias Answer = @Sendable (ScriptedHTTP.Request) -> Exchange?

    enum Outcome {
        /// The layer is not lazy, for this reason.
        case obstacle(String)
        /// The layer is lazy, but this was found.
        case finding(String)
        case nothing
    }

    /// A registry that is wrong in one thing, and what follows from it.
    struct Fault: CustomTestStringConvertible {
        let testDescription: String
        let outcome: Outcome
        let answer: Answer

        init(_ name: String, _ outcome: Outcome, _ answer: @escaping Answer) {
            testDescription = name
            self.outcome = outcome
            self.answer = answer
        }
    }

    /// Stands for the blob as a whole.
    private static let whole = Array("whole".utf8)

    private static func blobs(
        where condition: @escaping @Sendable (String) -> Bool, _ answer: @escaping Answer
    ) -> Answer {
        { request in
            let isBlob = request.line.hasPrefix("GET /v2/app/blobs/sha256:")
            return isBlob && condition(request["range"] ?? "") ? answer(request) : nil
        }
    }

    private static func several(_ answer: @escaping Answer) -> Answer {
        blobs(where: { $0.contains(",") }, answer)
    }

    /// A range that begins behind the start of the blob.
    private static func inside(
        _ answer: @escaping @Sendable (ScriptedHTTP.Request, ClosedRange<Int>) -> Exchange?
    ) -> Answer {
        one { request in
            let ends = (request["range"] ?? "").dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
            return ends.count == 2 && ends[0] > 0 ? answer(request, ends[0]...ends[1]) : nil
        }
    }

    private static func one(_ answer: @escaping Answer) -> Answer {
        blobs(where: { !$0.isEmpty && !$0.contains(",") && $0 != "bytes=0-1" }, answer)
    }

    /// All blobs are at `target`, with `DIGEST` for that of the blob; what `storage` does not answer the registry does.
    private static func redirect(to target: String, _ storage: @escaping Answer = { _ in nil }) -> Answer {
        { request in
            let digest = request.line.split(separator: "/").last.map(String.init) ?? ""
            if request.line.contains(" /storage/") { return storage(request) }
            guard request.line.hasPrefix("GET /v2/app/blobs/sha256:") else { return nil }
            return Exchange(request.line, 307, ["Location": target.replacing("DIGEST", with: digest)])
        }
    }

    private static let faults = [
        Fault("none", .nothing) { _ in nil },
        Fault(
            "relative redirect", .obstacle("redirect: status 307 to '/storage/"), redirect(to: "/storage/DIGEST")),
        Fault("redirect", .nothing, redirect(to: "{origin}/storage/DIGEST")),
        Fault(
            "second redirect", .obstacle("redirects once more"),
            redirect(to: "{origin}/storage/1/DIGEST") { request in
                guard request.line.contains(" /storage/1/") else { return nil }
                let digest = request.line.split(separator: "/").last.map(String.init) ?? ""
                return Exchange(request.line, 302, ["Location": "{origin}/storage/\(digest)"])
            }),
        Fault(
            "storage without HEAD", .nothing,
            redirect(to: "{origin}/storage/DIGEST") {
                $0.line.hasPrefix("HEAD ") ? Exchange($0.line, 403) : nil
            }),
        Fault(
            "storage without ranges", .obstacle("status 200"),
            redirect(to: "{origin}/storage/DIGEST") { $0["range"] == nil ? nil : Exchange($0.line, 200, body: whole) }),
        Fault("HEAD with another size", .obstacle("size: HEAD: expected Content-Length")) { request in
            guard request.line.hasPrefix("HEAD /v2/app/blobs/") else { return nil }
            return Exchange(request.line, 200, ["Content-Length": "5"])
        },
        Fault("whole blobs", .obstacle("status 200"), one { Exchange($0.line, 200, body: whole) }),
        Fault("no part can be had", .obstacle("status 416"), one { Exchange($0.line, 416) }),
        Fault("another range", .obstacle("bytes 0-0/1")) { request in
            one { Exchange($0.line, 206, ["Content-Range": "bytes 0-0/1", "Content-Type": "a/b"], body: [1]) }(request)
        },
        Fault("whole blobs for several", .nothing, several { Exchange($0.line, 200, body: [1]) }),
        Fault(
            "a type that is none", .obstacle("with Content-Type 'a/b; c'"),
            inside { request, range in
                let head = [
                    "Content-Type": "a/b; c", "Content-Range": "bytes \(range.lowerBound)-\(range.upperBound)/*",
                ]
                return Exchange(request.line, 206, head, body: [UInt8](repeating: 0, count: range.count))
            }),
        Fault(
            "short ranges alone", .obstacle("status 403"),
            inside { request, range in range.count > 200 ? Exchange(request.line, 403) : nil }),
        Fault("several ranges are too much", .finding("ranges: status 500"), several { Exchange($0.line, 500) }),
        Fault("no several ranges", .nothing, several { Exchange($0.line, 400) }),
        Fault("several ranges forbidden", .finding("ranges: status 501"), several { Exchange($0.line, 501) }),
        Fault("the first range alone", .finding("ranges: status 206, but not with all")) { request in
            several {
                Exchange($0.line, 206, ["Content-Type": "a/b", "Content-Range": "bytes 0-1/9"], body: [1, 2])
            }(request)
        },
    ]

    @Test(arguments: faults)
    func eachFaultIsFound(fault: Fault) async throws {
        let layer = try LayerPieces(try await Layer(VerifyTests.tar.bytes).converted()).layer()
        let blob = layer.blob
        let registry = try PlayRegistry { request in
            var answer = fault.answer(request)
            if answer?.body == Self.whole { answer?.body = blob }
            return answer
        }
        defer { registry.stop() }
        let configuration = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\#(layer.diffID)"]}}"#.utf8)
        registry.add(layer.blob)
        registry.add(configuration)
        let named = Descriptor(
            mediaType: .ociConfiguration, digest: Digest(of: configuration), size: Int64(configuration.count))
        registry.add(
            manifest: """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest.text)","config":\(named.json.shownText),\
                "layers":[\(layer.descriptor.json.shownText)]}
                """, type: MediaType.ociManifest.text, tag: "1")
        let location = try ImageLocation(parsing: "\(registry.name)/app:1")
        let options = TransportOptions(
            temporaryDirectory: "/tmp", network: Network(CurlClient(insecure: false)), credentials: .anonymous)
        var request = VerificationRequest(options: InspectionOptions(temporaryDirectory: "/tmp"))
        request.isQuick = true
        let verdict = try await ImageVerifier(
            request, of: location.openSource(options), tables: ExternalTables { nil }
        ).run()
        let found = try #require(verdict.platforms.first?.layers.first)
        switch fault.outcome {
        case .obstacle(let text):
            #expect(found.obstacle?.contains(text) == true, "\(found)")
            #expect(verdict.allFindings.map(\.promise).contains("range"), "\(found)")
        case .finding(let text):
            #expect(found.isLazy, "\(found)")
            #expect(verdict.allFindings.map(\.promise) == ["range"])
            #expect(verdict.allFindings.contains { $0.text.contains(text) }, "\(found)")
        case .nothing:
            #expect(found.isLazy && verdict.isSound, "\(found)")
        }
    }
}
