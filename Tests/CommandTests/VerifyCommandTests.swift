import Content
import SystemPackage
import TestSupport
import Testing

/// `esgz verify`: what it prints, and how it ends.
struct VerifyCommandTests {
    @Test func aConvertedImageIsLazyAndHasTheContentOfItsSource() async throws {
        try await withWorkplace { place, _ in
            try #require(try await place.convert().status == 0)
            let image = "oci:\(place.destination):new"
            for arguments in [[], ["--quick"], ["--source", "oci:\(place.source):latest"]] {
                let result = try await place.esgz(["verify", image] + arguments)
                #expect(result.status == 0 && result.errors == "", "\(result.errors)")
                let lines = result.output.split(separator: "\n")
                #expect(lines.count == 4 && lines[0].hasPrefix("linux/amd64 sha256:"))
                #expect(lines[1].hasSuffix(": LAZY") && lines[2] == "  LAZY" && lines[3].hasPrefix("no findings"))
            }
            let json = try JSON(parsing: Array(try await place.esgz(["verify", "--json", image]).output.utf8))
            #expect(json["sound"] == .bool(true) && json["lazy"] == .bool(true) && json["findings"] == .array([]))
            #expect(try names(below: place.temporary) == [])
        }
    }

    @Test func anImageThatIsNotLazyEndsWithStatusSix() async throws {
        try await withWorkplace { place, _ in
            let image = "oci:\(place.source):latest"
            let result = try await place.esgz(["verify", image])
            #expect(result.status == 6 && result.errors == "")
            #expect(result.output.contains("\n  NOT LAZY from layer 1 up: the manifest names no table of contents"))
            #expect(result.output.contains("\nannotations: linux/amd64, layer 1: there is no containerd.io/"))
            let json = try JSON(parsing: Array(try await place.esgz(["verify", "--json", image]).output.utf8))
            #expect(json["platforms"]?.array?[0]["eagerFrom"]?.integer == 1 && json["sound"] == .bool(false))
            #expect(json["findings"]?.array?[0]["promise"]?.string == "annotations")
        }
    }

    /// A gate is not to open because nobody has read why it is shut.
    @Test(arguments: ["verify", "verify --json", "report --max-prefetch 1"])
    func theVerdictCountsAlsoWhenNobodyReads(command: String) async throws {
        try await withWorkplace { place, _ in
            for reader in ["| true", ">&-"] {
                let result = try await place.shell(#""$esgz" \#(command) "$source" \#(reader); exit ${PIPESTATUS[0]}"#)
                #expect(result.status == (command.hasPrefix("report") ? 7 : 6), "\(result)")
            }
        }
    }

    /// The snapshotter takes the first place that it can read.
    @Test(arguments: [true, false])
    func aMirrorThatTheSnapshotterCannotReadIsPassedOver(hasHome: Bool) async throws {
        let relative: @Sendable (ScriptedHTTP.Request) -> Exchange? = { request in
            let blob = request.line.dropping("GET /v2/app/blobs/")
            return blob.map { Exchange(request.line, 307, ["Location": "/storage/\($0)"]) }
        }
        let mirror = try PlayRegistry(overriding: relative)
        let home = try hasHome ? PlayRegistry() : PlayRegistry(overriding: relative)
        defer { for registry in [mirror, home] { registry.stop() } }
        try await withWorkplace { place, _ in
            let places = [mirror, home].map { "\($0.name)/app:1" }
            let converted = try await place.esgz(["convert", "oci:\(place.source):latest"] + places)
            try #require(converted.status == 0, "\(converted.errors)")
            try write(
                Array(
                    """
                    [[registry]]
                    location = "\(home.name)"
                    [[registry.mirror]]
                    location = "\(mirror.name)"
                    """.utf8), to: place.directory.appending("registries.conf"))
            let verdict = try await place.esgz(
                ["verify", "--quick", places[1], "--registries-conf", "registries.conf"])
            #expect(verdict.status == (hasHome ? 0 : 6), "\(verdict)")
            #expect(verdict.output.contains("\nrange: ") != hasHome, "\(verdict)")
            #expect(mirror.requests.contains { $0.line.hasPrefix("GET /v2/app/manifests/") })
        }
    }

    @Test func anotherContentEndsWithStatusSix() async throws {
        try await withWorkplace { place, layout in
            try #require(try await place.convert().status == 0)
            try layout.add([try TinyLayer(Tar { file("etc/motd", "another") }.bytes)], tag: "other")
            let result = try await place.esgz(
                ["verify", "--source", "oci:\(place.source):other", "oci:\(place.destination):new"])
            #expect(result.status == 6)
            #expect(result.output.contains("\nsource: linux/amd64, layer 1, etc/motd: differs from the source in "))
        }
    }

    @Test(arguments: [
        ["--bandwidth", "fast"], ["--bandwidth", "0"], ["--quick", "--source", "oci:x"], ["--layer", "0"],
    ])
    func optionsThatMakeNoSenseAreMistakesOfUsage(_ arguments: [String]) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz(["verify", "oci:\(place.source):latest"] + arguments)
            #expect(result.status == 2)
        }
    }

    @Test(arguments: [
        (["--platform", "linux/s390x"], "no manifest for linux/s390x; there are: linux/amd64"),
        (["--platform", "linux/amd64,linux/s390x"], "no manifest for linux/s390x; there are: linux/amd64"),
        (["--source", "oci:/nowhere"], "nowhere"), (["--layer", "9"], "there is no layer 9; the image has 1"),
    ])
    func whatIsNotThereIsNotFound(_ arguments: [String], _ needle: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz(["verify", "oci:\(place.source):latest"] + arguments)
            #expect(result.status == 3 && result.errors.contains(needle), "\(result.errors)")
        }
    }
}
