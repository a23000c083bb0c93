import Content
import SystemPackage
import TestSupport
import Testing

/// `esgz profile static`, and `esgz optimize` without a profile.
struct StaticProfileCommandTests {
    /// An image of two layers whose program is a script in the upper one.
    private func withImage(_ body: (Workplace, inout TinyLayout) async throws -> Void) async throws {
        let layers = [
            try TinyLayer(
                Tar {
                    file("bin/shell", "a shell").mode(0o755); file("rest", "x")
                }.bytes),
            try TinyLayer(
                Tar {
                    file("app", "#!/bin/shell\n").mode(0o755); file("etc/conf", "x")
                }.bytes),
        ]
        try await withWorkplace(layers) { place, layout in
            try layout.add(layers, tag: "app", command: ["/app"])
            try await body(place, &layout)
        }
    }

    @Test func theProfileGoesToStdout() async throws {
        try await withImage { place, _ in
            let arguments = ["profile", "static", "oci:\(place.source):app", "--tmp-dir", place.temporary.string]
            let result = try await place.esgz(arguments + ["--quiet"])
            #expect(result.status == 0 && result.errors == "", "\(result.errors)")
            let lines = try result.output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
            #expect(lines.map { $0["path"]?.string } == ["app", "bin/shell"])
            #expect(lines.map { $0["layerIndex"]?.integer } == [1, 0])
            #expect(try await place.esgz(arguments).output == result.output)
            #expect(try await place.esgz(arguments + ["--to", "list"]).output == "/app\n/bin/shell\n")
            try place.expectNothingLeft()
        }
    }

    @Test func anImageWithoutACommandTellsNothingAndThatIsSaid() async throws {
        try await withImage { place, _ in
            let image = "oci:\(place.source):latest"
            let result = try await place.esgz(["profile", "static", image, "-q"])
            let text = "nothing is known of what the image runs, so nothing comes first\n"
            #expect(result.status == 0 && result.output == "", "\(result.errors)")
            #expect(result.errors.hasPrefix("warning: ") && result.errors.hasSuffix(text), "\(result.errors)")
            let strict = try await place.esgz(["optimize", "--strict", image, "oci:\(place.destination):new"])
            #expect(strict.status == 8 && strict.errors.hasSuffix(text), "\(strict.errors)")
        }
    }

    @Test(arguments: [([], true), (["--static"], false), (["--quiet"], false)])
    func optimizeWithoutAProfileTellsFromTheImageAndSaysSo(options: [String], isSaid: Bool) async throws {
        try await withImage { place, _ in
            let command = [
                "optimize", "oci:\(place.source):app", "oci:\(place.destination):new", "--tmp-dir",
                place.temporary.string, "--record-out", "record",
            ]
            let result = try await place.esgz(command + options)
            #expect(result.status == 0, "\(result.errors)")
            let said = result.errors.split(separator: "\n").filter { $0.contains("(--static)") }
            #expect(said.count == (isSaid ? 1 : 0))
            let record = try FileSlice(opening: place.directory.appending("record")).bytes()
            let lines = String(decoding: record, as: UTF8.self).split(separator: "\n")
            #expect(try lines.map { try JSON(parsing: Array($0.utf8))["path"]?.string } == ["app", "bin/shell"])
        }
    }

    @Test(arguments: [["--profile", "x"], ["--run"], ["--no-optimize"]])
    func theWaysExcludeEachOther(options: [String]) async throws {
        try await withImage { place, _ in
            let result = try await place.esgz(["optimize", "oci:\(place.source):app", "oci:x", "--static"] + options)
            try place.expectFailure(result, 2, saying: ["\(options[0])", "--static", "exclude each other"])
        }
    }
}
