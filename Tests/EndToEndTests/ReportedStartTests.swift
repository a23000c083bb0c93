import Content
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// What `esgz report` says of a start, against what the real snapshotter asks a registry for.
@Suite(.timeLimit(.minutes(15)))
struct ReportedStartTests {
    private struct Cost: Equatable {
        var requests: Int
        var bytes: Int
    }

    @Test(.enabled(if: Command.isExpected("ctr-remote") && Command.isExpected("debootstrap")))
    func theSnapshotterFetchesWhatTheReportSays() async throws {
        let source = try await Fixture.science.path
        let snapshotter = try await Fixture.snapshotter.path
        try await withTemporaryDirectory { directory in
            let registry = try LocalRegistry(in: directory, logsRequests: true)
            defer { registry.stop() }
            let profile = directory.appending("profile")
            try write(
                Array("/usr/bin/python3\n/usr/lib/python3.11/**/*.py\n/lib/x86_64-linux-gnu/libc.so.6\n".utf8),
                to: profile)
            let image = "\(registry.name)/science:esgz"
            let conversion = try await Command.run(
                Command.esgz, ["optimize", "-q", "oci:\(source):latest", image, "--profile", profile.string])
            try #require(conversion.status == 0, "\(conversion.errors)")

            let layers = try await report(image)["layers"]?.array ?? []
            #expect(layers.contains { ($0["prefetchSize"]?.integer ?? 0) > 100_000 })
            var expected: [String: Cost] = [:]
            for layer in layers {
                let number = try #require(layer["number"]?.integer)
                let before = try await report(image, "--layer", "\(number)")["start"]?["before"]
                expected[try #require(layer["digest"]?.string)] = Cost(
                    requests: Int(try #require(before?["requests"]?.integer)),
                    bytes: Int(try #require(before?["bytes"]?.integer)))
            }

            let log = directory.appending("registry.log")
            let earlier = try lines(of: log).count
            let lazy = try await Command.run(
                Command.repository.appending("Tests/EndToEndTests/lazy-pull").string, [image, "--", "/usr/bin/true"],
                environment: ["ESGZ_SNAPSHOTTER": snapshotter.string])
            try #require(lazy.status == 0, "\(lazy.errors)")
            let requests = try lines(of: log).dropFirst(earlier)
            for (digest, cost) in expected {
                // The program that runs then asks for more.
                let own = requests.filter { $0.contains("/blobs/\(digest) ") }.prefix(cost.requests).map(bodySize)
                #expect(Cost(requests: own.count, bytes: own.reduce(0, +)) == cost, "\(digest)")
            }
        }
    }

    private func report(_ arguments: String...) async throws -> JSON {
        let report = try await Command.run(Command.esgz, ["report", "--json"] + arguments)
        try #require(report.status == 0, "\(report.errors)")
        return try JSON(parsing: Array(report.output.utf8))
    }

    private func lines(of log: FilePath) throws -> [String] {
        try String(contentsOfFile: log.string, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// The number behind the status in a line such as `… "GET /v2/… HTTP/1.1" 206 100000 "" "…"`.
    private func bodySize(_ line: String) -> Int {
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count > 2 else { return 0 }
        return parts[2].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }
}
