import Content
import SystemPackage
import TestSupport
import Testing

/// `esgz copy` and the names under which results are published.
struct CopyCommandTests {
    @Test(arguments: ["copy", "push", "pull"])
    func allNamesOfTheCommandCopy(name: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz([name, "oci:\(place.source):latest", "oci:\(place.destination):new"])
            #expect(result.status == 0)
            #expect(result.output == "\(try #require(try place.published()))\n")
            #expect(result.errors.contains("layer 1/1"))
            #expect(result.errors.contains("copied"))
        }
    }

    @Test func severalDestinationsGetAllTags() async throws {
        try await withWorkplace { place, _ in
            let second = place.directory.appending("second")
            let result = try await place.esgz([
                "copy", "oci:\(place.source):latest", "oci:\(place.destination):new", "oci:\(second):new",
                "--additional-tag", "1", "--additional-tag", "1.2", "-q",
            ])
            #expect(result.status == 0)
            #expect(result.errors == "")
            for tag in ["new", "1", "1.2"] { #expect(try place.published(tag) == result.output.dropLast().description) }
            let again = try await place.esgz(["copy", "oci:\(second):1.2", "oci:\(place.destination):new", "-q"])
            #expect(again.output == result.output)
        }
    }

    @Test(arguments: ["copy", "convert"])
    func aSuffixGoesBehindTheTagOfTheSourceOrTheDestination(command: String) async throws {
        try await withWorkplace { place, layout in
            let source = ["oci:\(place.source):latest"]
            let suffix = ["--tag-suffix", "-esgz", "--tmp-dir", place.temporary.string]
            #expect(try await place.esgz([command] + source + suffix).status == 0)
            #expect(try await place.esgz([command] + source + ["oci:\(place.destination):new"] + suffix).status == 0)
            #expect(try place.published("new-esgz") != nil)
            let index = try FileSlice(opening: place.source.appending("index.json")).bytes()
            #expect(String(decoding: index, as: UTF8.self).contains("latest-esgz"))
        }
    }

    @Test(arguments: ["copy", "convert"])
    func anotherImageIsNotReplacedWithNoClobber(command: String) async throws {
        try await withWorkplace { place, layout in
            try layout.add([try TinyLayer(TinyTar.motd()), try TinyLayer(TinyTar.motd())], tag: "other")
            let to = ["oci:\(place.destination):new", "--tmp-dir", place.temporary.string, "-q"]
            let first = try await place.esgz(["copy", "oci:\(place.source):latest"] + to)
            let second = try await place.esgz([command, "oci:\(place.source):other"] + to + ["--no-clobber"])
            #expect(second.status == 7)
            #expect(second.output == "")
            #expect(second.errors.contains("refusing to replace 'new'"))
            #expect(second.errors.split(separator: "\n").count == 1)
            #expect(try place.published() == first.output.dropLast().description)
            for _ in 0..<2 {
                let same = try await place.esgz(
                    [command, "oci:\(place.source):latest", "oci:\(place.destination):same"] + to.dropFirst()
                        + ["--no-clobber"])
                #expect(same.status == 0, "\(same.errors)")
            }
        }
    }

    @Test func theReportNamesEachLayer() async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz([
                "copy", "oci:\(place.source):latest", "oci:\(place.destination):new", "--json",
            ])
            let report = try JSON(parsing: Array(result.output.utf8))
            #expect(report["digest"]?.string == (try place.published()))
            #expect(report["layers"]?.array?.compactMap { $0["action"]?.string } == ["copy"])
        }
    }

    @Test(arguments: [
        (["copy"], "Missing expected argument '<src>'"),
        (["copy", "oci:source:latest"], "expected at least one destination, or --tag-suffix"),
        (["copy", "oci:source", "--tag-suffix", "-x"], "expected a tag to put the suffix behind"),
        (["copy", "oci:source:latest", "localhost:1/app", "--additional-tag", "a b"], "not 'a b'"),
        (["copy", "oci:source:latest", "localhost:1/app", "--tag-suffix", "/x"], "not 'latest/x'"),
        (["copy", "oci:source:latest", "localhost:1/app", "--jobs", "0"], "--jobs"),
        (
            ["convert", "oci:source:latest", "oci:source:new", "--additional-tag", "latest"],
            "the destination oci:source:latest is the source itself"
        ),
    ])
    func mistakesOfUsageAreNamed(arguments: [String], message: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz(arguments)
            #expect(result.status == 2)
            #expect(result.errors.contains(message), "\(result.errors)")
        }
    }
}
