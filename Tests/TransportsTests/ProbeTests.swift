import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// What a probe makes of registries that are right, and of such that are wrong in one thing.
@Suite(.timeLimit(.minutes(15)))
struct ProbeTests {
    typealias Check = ProbeReport.Check
    typealias Outcome = ProbeReport.Outcome
    typealias Answer = @Sendable (ScriptedHTTP.Request) -> Exchange?

    @Test func aRightRegistryKeepsImagesLazyAndNothingElse() async throws {
        let registry = try PlayRegistry()
        defer { registry.stop() }
        let report = try await Self.probe(registry)
        let outcomes = Dictionary(uniqueKeysWithValues: report.findings.map { ($0.check, $0.outcome) })
        for check in Check.allCases where check != .mount && check != .referrers {
            #expect(outcomes[check] == .works, "\(check): \(report.findings)")
        }
        #expect(outcomes[.referrers] == .limited)
        #expect(report.obstacles == [])
        #expect(report.leftovers == [])
        #expect(registry.content == [])
    }

    /// A registry that is wrong in one thing, and what is found.
    struct Fault: CustomTestStringConvertible {
        let name: String
        let check: Check
        let outcome: Outcome
        let detail: String
        let answer: Answer

        var testDescription: String { name }

        init(
            _ name: String, _ check: Check, _ outcome: Outcome, _ detail: String, _ answer: @escaping Answer
        ) {
            self.name = name
            self.check = check
            self.outcome = outcome
            self.detail = detail
            self.answer = answer
        }
    }

    /// Answers to requests for blobs, by what ranges they want.
    private static func blobs(
        _ method: String = "GET", where condition: @escaping @Sendable (String) -> Bool = { _ in true },
        _ answer: @escaping @Sendable (ScriptedHTTP.Request) -> Exchange?
    ) -> Answer {
        { request in
            guard request.line.hasPrefix("\(method) /v2/app/blobs/sha256:"), condition(request["range"] ?? "") else {
                return nil
            }
            return answer(request)
        }
    }

    private static let isSeveral: @Sendable (String) -> Bool = { $0.contains(",") }
    private static let isOne: @Sendable (String) -> Bool = { !$0.isEmpty && !$0.contains(",") && $0 != "bytes=0-1" }

    private static func redirect(to location: String) -> Answer {
        blobs { Exchange($0.line, 307, ["Location": location]) }
    }

    private static func refuse(_ method: String, _ prefix: String, _ status: Int) -> Answer {
        { request in
            request.line.hasPrefix("\(method) \(prefix)") ? Exchange(request.line, status, body: Array("no".utf8)) : nil
        }
    }

    private static let readingFaults = [
        Fault("relative redirect", .redirect, .fails, "'/storage/x', where", redirect(to: "/storage/x")),
        Fault("redirect to nowhere", .redirect, .fails, "status 307 to ''", redirect(to: "")),
        Fault("second redirect", .redirect, .fails, "redirects once more") { request in
            if request.line.hasPrefix("GET /storage/") {
                return Exchange(request.line, 302, ["Location": "{origin}/x"])
            }
            return redirect(to: "{origin}/storage/\(request.digest)")(request)
        },
        Fault("storage that refuses", .redirect, .fails, "which answers with status 403") { request in
            if request.line.hasPrefix("GET /storage/") { return Exchange(request.line, 403) }
            return redirect(to: "{origin}/storage/\(request.digest)")(request)
        },
        Fault("redirect", .redirect, .works, "one, to http://127.0.0.1:") { request in
            redirect(to: "{origin}/storage/\(request.digest)")(request)
        },
        Fault("storage without HEAD", .size, .works, "HEAD: status 403") { request in
            if request.line.hasPrefix("HEAD /storage/") { return Exchange(request.line, 403) }
            return redirect(to: "{origin}/storage/\(request.digest)")(request)
        },
        Fault("storage without ranges", .range, .fails, "the whole blob") { request in
            if request.line.hasPrefix("GET /storage/") { return Exchange(request.line, 200, body: [1, 2, 3]) }
            return redirect(to: "{origin}/storage/\(request.digest)")(request)
        },
        Fault("HEAD with another size", .size, .fails, "not 5") { request in
            guard request.isHeadAfterReading else { return nil }
            return Exchange(request.line, 200, ["Content-Length": "5"])
        },
        Fault(
            "whole blobs", .range, .fails, "status 200: each read",
            blobs(where: isOne) { Exchange($0.line, 200, body: [1]) }),
        Fault(
            "ranges without a type", .range, .fails, "without Content-Type",
            blobs(where: isOne) { Exchange($0.line, 206, ["Content-Range": "bytes 0-0/1"], body: [1]) }),
        Fault("another range", .range, .fails, "not with bytes 50000-99999: Content-Range is 'bytes 0-0/1'") {
            request in
            blobs(where: isOne) {
                Exchange($0.line, 206, ["Content-Range": "bytes 0-0/1", "Content-Type": "a/b"], body: [1])
            }(request)
        },
        Fault("other bytes", .range, .fails, "not with bytes") { request in
            blobs(where: isOne) { PlayRegistry.serve([UInt8](repeating: 1, count: 251_904), $0) }(request)
        },
        Fault("no ranges", .range, .fails, "status 416", blobs(where: isOne) { Exchange($0.line, 416) }),
        Fault(
            "whole blobs for several", .ranges, .limited, "force_single_range_mode",
            blobs(where: isSeveral) { Exchange($0.line, 200, body: [1]) }),
        Fault(
            "no several ranges", .ranges, .limited, "status 400", blobs(where: isSeveral) { Exchange($0.line, 400) }),
        Fault(
            "several ranges forbidden", .ranges, .fails, "status 501, so that reads",
            blobs(where: isSeveral) { Exchange($0.line, 501) }),
        Fault("the first range alone", .ranges, .fails, "not with all that was asked for") { request in
            blobs(where: isSeveral) { request in
                Exchange(
                    request.line, 206, ["Content-Type": "a/b", "Content-Range": "bytes 0-1/251904"], body: [1, 2])
            }(request)
        },
        Fault("malformed parts", .ranges, .fails, "not with all that was asked for") { request in
            blobs(where: isSeveral) { request in
                Exchange(
                    request.line, 206, ["Content-Type": "multipart/byteranges; boundary=x"],
                    body: Array("--x\r\nContent-Range: bytes 0-9/5".utf8))
            }(request)
        },
    ]

    private static let pushingFaults = [
        Fault("no PUT of blobs", .whole, .fails, "PUT: status 413", refuse("PUT", "/uploads/0", 413)),
        Fault("no PATCH", .chunks, .fails, "PATCH: status 405", refuse("PATCH", "/uploads/", 405)),
        Fault(
            "no manifests of OCI", .manifest, .fails, "PUT: status 415", refuse("PUT", "/v2/app/manifests/", 415)),
        Fault("annotations lost", .annotations, .fails, "without containerd.io/snapshot/stargz/toc.digest") { request in
            guard request.line.hasPrefix("GET /v2/app/manifests/") else { return nil }
            return Exchange(request.line, 200, body: Array(#"{"layers":[{}]}"#.utf8))
        },
        Fault("no index", .index, .fails, "PUT: status 415") { request in
            guard request.line.hasPrefix("PUT /v2/app/manifests/"),
                request["content-type"] == MediaType.ociIndex.text
            else { return nil }
            return Exchange(request.line, 415)
        },
        Fault("an empty list of referrers", .referrers, .fails, "lacks what was pushed") { request in
            guard request.line.hasPrefix("GET /v2/app/referrers/") else { return nil }
            return Exchange(request.line, 200, body: Array(#"{"manifests":[]}"#.utf8))
        },
        Fault("nothing can be deleted", .referrers, .limited, "since it would stay: DELETE: status 405") { request in
            request.line.hasPrefix("DELETE /v2/") ? Exchange(request.line, 405) : nil
        },
    ]

    @Test(arguments: readingFaults + pushingFaults)
    func eachFaultIsFound(fault: Fault) async throws {
        let registry = try PlayRegistry(overriding: fault.answer)
        defer { registry.stop() }
        let report = try await Self.probe(registry)
        let finding = try #require(report.findings.first { $0.check == fault.check })
        #expect(finding.outcome == fault.outcome, "\(finding)")
        #expect(finding.detail.contains(fault.detail), "\(finding)")
        let isLazy = fault.outcome != .fails || !fault.check.isNeededForLaziness
        #expect(report.obstacles.isEmpty == isLazy, "\(report.findings)")
        #expect(report.json["lazy"] == .bool(isLazy))
        // What it could not delete it tells.
        let left = report.leftovers.map { "\($0.kind)/\($0.digest)" }
        #expect(registry.content.filter { !$0.hasPrefix("uploads/") } == left.sorted())
    }

    @Test func aRegistryThatWantsLargeChunksGetsTheBlobInOne() async throws {
        let registry = try PlayRegistry(smallestChunk: 5_242_880)
        defer { registry.stop() }
        let report = try await Self.probe(registry)
        #expect(report.findings.contains { $0.check == .chunks && $0.detail == "each of at least 5242880 bytes" })
        #expect(registry.requests.filter { $0.line.hasPrefix("PATCH ") }.count == 1)
    }

    @Test(arguments: [true, false])
    func whereNothingMayBePushedAnImageThatIsThereIsRead(isReadOnly: Bool) async throws {
        let registry = try PlayRegistry { Self.refuse("POST", "/v2/app/blobs/uploads/", 403)($0) }
        defer { registry.stop() }
        let layer = (0..<999).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let descriptor = """
            {"mediaType":"\(MediaType.ociLayerGzip)","digest":"\(Digest(of: layer))","size":999,\
            "annotations":{"\(Annotation.tocDigest)":"x"}}
            """
        registry.add(layer)
        registry.add(
            manifest: """
                {"mediaType":"\(MediaType.ociManifest)","config":\(descriptor),"layers":[\(descriptor)]}
                """, type: MediaType.ociManifest.text, tag: "2")
        let before = registry.content
        let report = try await Self.probe(registry, isReadOnly: isReadOnly)
        let works = Set(report.findings.filter { $0.outcome == .works }.map(\.check))
        #expect(works == [.redirect, .size, .range, .ranges, .manifest, .annotations])
        for finding in report.findings where !works.contains(finding.check) {
            #expect(finding.outcome == .untested)
            let reason = isReadOnly ? "nothing was to be pushed" : "pushing is denied: POST"
            #expect(finding.detail.hasPrefix(reason), "\(finding)")
        }
        #expect(report.obstacles == [] && report.leftovers == [])
        #expect(registry.content == before)
        let writing = registry.requests.filter { !$0.line.hasPrefix("GET ") && !$0.line.hasPrefix("HEAD ") }
        #expect(writing.count == (isReadOnly ? 0 : 1))
    }

    @Test func withNothingToReadTheProbeFails() async throws {
        let registry = try PlayRegistry()
        defer { registry.stop() }
        let failure = await #expect(throws: ProbeFailure.self) { try await Self.probe(registry, isReadOnly: true) }
        #expect(failure?.kind == .notFound)
    }

    @Test(arguments: [("other.example/app", "other.example"), ("127.0.0.1:1/x", "127.0.0.1:1")])
    func aRepositoryOfAnotherRegistryIsRefused(source: String, name: String) async throws {
        let failure = #expect(throws: ProbeFailure.self) {
            try RegistryProbe(
                try ImageReference(parsing: "127.0.0.1:5000/app"), mountingFrom: source, isReadOnly: false,
                TransportOptions(temporaryDirectory: "/tmp", network: Network(CurlClient(insecure: false))))
        }
        #expect(failure.map { "\($0)".contains(name) } == true)
    }

    @Test func aProbeThatIsInterruptedCleansUp() async throws {
        let reached = Monitor(false)
        let registry = try PlayRegistry { request in
            guard request.line.hasPrefix("PUT /v2/app/manifests/") else { return nil }
            reached.withLock { $0 = true }
            var answer = Exchange(request.line, 201, body: [1, 2], cut: 1)
            answer.stalls = true
            return answer
        }
        defer { registry.stop() }
        let work = Task { try await Self.probe(registry) }
        try await onThread { reached.wait { $0 ? () : nil } }
        #expect(!registry.content.isEmpty)
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
        #expect(registry.content == [])
    }

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"), arguments: [true, false])
    func theRegistryOfDockerKeepsImagesLazy(deletes: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory, deletes: deletes)
            defer { registry.stop() }
            let other = try ImageReference(parsing: "\(registry.name)/team/other:1")
            let image = try SmallImage(in: directory)
            try await image.push(to: try RegistryClient(other, Self.options, for: .push(other.repository)))
            let report = try await RegistryProbe(
                try ImageReference(parsing: "\(registry.name)/team/app"), mountingFrom: "team/other", isReadOnly: false,
                Self.options
            ).run()
            let outcomes = Dictionary(uniqueKeysWithValues: report.findings.map { ($0.check, $0.outcome) })
            for check in Check.allCases where check != .referrers {
                #expect(outcomes[check] == .works, "\(check): \(report.findings)")
            }
            // It knows no referrers, and where nothing can be deleted, no tag is left.
            #expect(outcomes[.referrers] == .limited)
            #expect(report.leftovers.isEmpty == deletes)
            let tags = try PlainRegistry(port: registry.port).send("GET", "/v2/team/app/tags/list").body
            #expect(!String(decoding: tags, as: UTF8.self).contains("sha256-"), "\(tags)")
        }
    }

    private static let options = TransportOptions(
        temporaryDirectory: "/tmp", network: Network(CurlClient(insecure: false)), credentials: .anonymous)

    private static func probe(
        _ registry: PlayRegistry, mountingFrom source: String? = nil, isReadOnly: Bool = false
    ) async throws -> ProbeReport {
        var retry = RetryPolicy()
        retry.sleep = { _ in }
        let options = TransportOptions(
            temporaryDirectory: "/tmp", network: Network(CurlClient(insecure: false), retry: retry),
            credentials: .anonymous)
        return try await RegistryProbe(
            try ImageReference(parsing: "\(registry.name)/app"), mountingFrom: source, isReadOnly: isReadOnly, options
        ).run()
    }
}

extension ScriptedHTTP.Request {
    fileprivate var digest: String { line.split(separator: "/").last.map(String.init) ?? "" }

    /// The snapshotter's, and not one that asks whether a blob is there.
    fileprivate var isHeadAfterReading: Bool {
        line.hasPrefix("HEAD /v2/app/blobs/") && self["accept-encoding"] == "identity"
    }
}
