import Content
import TestSupport
import Testing

/// What `esgz probe` prints, and how it ends.
@Suite(.timeLimit(.minutes(15)))
struct ProbeCommandTests {
    @Test func aRegistryThatIsRightIsLazy() async throws {
        try await withWorkplace { place, _ in
            let registry = try PlayRegistry()
            defer { registry.stop() }
            let probe = try await place.esgz(["probe", "\(registry.name)/app"])
            #expect(probe.status == 0 && probe.errors.isEmpty, "\(probe.errors)")
            let lines = probe.output.split(separator: "\n")
            #expect(lines.first == "\(registry.name)/app:")
            #expect(lines.contains("  several ranges     works     status 206 with a part for each"), "\(probe.output)")
            #expect(lines.last == "LAZY: containerd can mount images from here before it has pulled them")
            // The same each time.
            #expect(try await place.esgz(["probe", "\(registry.name)/app"]).output == probe.output)
        }
    }

    @Test func aRegistryWithoutRangesIsNot() async throws {
        try await withWorkplace { place, _ in
            let registry = try PlayRegistry { request in
                guard request.line.hasPrefix("GET /v2/app/blobs/") else { return nil }
                return Exchange(request.line, 200, body: [1, 2, 3])
            }
            defer { registry.stop() }
            let text = try await place.esgz(["probe", "\(registry.name)/app"])
            #expect(text.status == 6 && text.errors.isEmpty, "\(text.errors)")
            #expect(
                text.output.hasSuffix(
                    "NOT LAZY: one range: status 200: each read of a few bytes fetches the whole blob\n"),
                "\(text.output)")
            let probe = try await place.esgz(["probe", "--json", "\(registry.name)/app"])
            #expect(probe.status == 6)
            let json = try JSON(parsing: Array(probe.output.utf8))
            #expect(json["lazy"] == .bool(false))
            let range = json["checks"]?.array?.first { $0["check"] == "range" }
            #expect(range?["outcome"] == "fails" && range?["needed"] == .bool(true))
        }
    }

    @Test(arguments: [
        (["--read-only"], 3, "has no image whose layers could be read"),
        (["--mount-from", "other.example/x"], 2, "--mount-from: expected a repository of 127.0.0.1:"),
        (["--read-only", "--mount-from", "x"], 2, "--read-only and --mount-from exclude each other"),
    ])
    func whatCannotBeProbedIsAFailure(arguments: [String], status: Int32, message: String) async throws {
        try await withWorkplace { place, _ in
            let registry = try PlayRegistry()
            defer { registry.stop() }
            try place.expectFailure(
                try await place.esgz(["probe", "\(registry.name)/app"] + arguments), status, saying: [message])
        }
    }

    @Test func aPlaceThatIsNoRegistryIsAMistake() async throws {
        try await withWorkplace { place, _ in
            try place.expectFailure(
                try await place.esgz(["probe", "oci:source"]), 2, saying: ["expected a repository of a registry"])
        }
    }
}
