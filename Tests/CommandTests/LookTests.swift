import Content
import EStargz
import FoundationEssentials
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// Commands that look into images: what they print, and what that costs.
@Suite(.timeLimit(.minutes(15)))
struct LookTests {
    private static let base = Tar(.pax) {
        directory("etc").modified(1_600_000_000)
        file("etc/motd", "hello\n").mode(0o4755).owner(5, 6).modified(1_600_000_000).attribute("user.a", [0xff])
        file("etc/passwd", "root")
        symlink("link", to: "etc/motd"); symlink("dangling", to: "nowhere")
        characterDevice("null", 1, 3)
        file("gone", "1")
        file("bad\n\u{1b}[31m\u{202e}name", "x")
    }
    private static let top = Tar {
        file(".wh.gone"); file("etc/passwd", "new root")
    }

    @Test func filesAreListed() async throws {
        try await withImage { (place, _) async throws in
            #expect(try await place.look("ls", []) == "bad\\n\\u{1b}[31m\\u{202e}name\ndangling\netc\nlink\nnull\n")
            #expect(try await place.look("ls", ["etc"]) == "motd\npasswd\n")
            #expect(try await place.look("ls", ["/etc/motd"]) == "/etc/motd\n")
            #expect(try await place.look("ls", ["dangling"]) == "dangling\n")
            #expect(try await place.look("find", ["/"]) == place.look("find", []))
            #expect(
                try await place.look("ls", ["-l", "etc"])
                    == "-rwsr-xr-x  5:6  6  2020-09-13T12:26:40Z  motd\n-rw-r--r--  0:0  8  1970-01-01T00:00:00Z  passwd\n"
            )
            #expect(
                try await place.look("ls", ["-R", "--layer", "2"])
                    == ".no.prefetch.landmark\n.wh.gone\netc\netc/passwd\n")
            #expect(try await place.look("find", ["mot?", "et[c]"]) == "etc\netc/motd\n")
            #expect(try await place.look("find", ["/etc/*"]) == "etc/motd\netc/passwd\n")
            let found = try JSON(parsing: Array(try await place.look("find", ["--json", "null"]).utf8))
            #expect(found.array?.first?["major"]?.integer == 1 && found.array?.first?["layer"]?.integer == 1)
        }
    }

    @Test func filesArePrinted() async throws {
        try await withImage { (place, _) async throws in
            #expect(try await place.look("cat", ["link", "/etc/passwd"]) == "hello\nnew root")
            #expect(try await place.look("cat", ["--layer", "1", "etc/passwd"]) == "root")
            let json = try JSON(parsing: Array(try await place.look("cat", ["--json", "etc/motd"]).utf8))
            #expect(json["content"]?.string == "aGVsbG8K")
            let stat = try await place.look("stat", ["etc/motd"])
            for line in [
                "mode         4755", "uid          5", "xattrs       user.a = /w==", "layer        1",
                "digest       \(Digest(of: Array("hello\n".utf8)))", "modified     2020-09-13T12:26:40Z",
            ] {
                #expect(stat.contains(line + "\n"), "\(line): \(stat)")
            }
        }
    }

    @Test(arguments: [["cat", "gone"], ["cat", "none"], ["stat", "gone"], ["ls", "none"]])
    func whatIsNotThereIsNotFound(_ arguments: [String]) async throws {
        try await withImage { (place, _) async throws in
            let result = try await place.esgz([arguments[0], place.image, arguments[1]])
            #expect(result.status == 3 && result.output.isEmpty)
            #expect(
                result.errors == "error: \(arguments[1]): no such file or directory in \(place.image)\n",
                "\(result.errors)")
        }
    }

    @Test(arguments: [["cat", "etc"], ["cat", "null"], ["ls", "--layer", "0"]])
    func whatMakesNoSenseIsAMistakeOfUsage(_ arguments: [String]) async throws {
        try await withImage { (place, _) async throws in
            #expect(try await place.esgz([arguments[0], place.image] + arguments.dropFirst()).status == 2)
        }
    }

    @Test func aPatternThatMakesNoSenseIsShownAsItWasTyped() async throws {
        try await withImage { (place, _) async throws in
            let result = try await place.esgz(["find", place.image, "["])
            #expect(result.status == 2 && result.errors.hasPrefix("error: the pattern '[' has a bracket"))
        }
    }

    @Test func aDirectoryWithoutAParentIsNoLackOfTheImage() async throws {
        try await withImage { (place, _) async throws in
            let result = try await place.esgz(["extract", place.image, "/etc", "x/y/z"])
            #expect(result.status == 1 && result.errors.hasPrefix("error: cannot make the directory x/y/z: "))
        }
    }

    /// What each command that looks into images needs besides the image.
    private static let commands = [
        ["inspect"], ["ls"], ["cat", "etc/passwd"], ["stat", "etc/passwd"], ["find"], ["extract", "etc/passwd", "out"],
        ["diff"], ["toc"], ["verify"], ["report"],
    ]

    /// `diff` has two images, of which both have to have it.
    @Test(arguments: commands)
    func eachCommandKnowsLayerPlatformAndJSON(_ command: [String]) async throws {
        try await withImage { (place, _) async throws in
            let images = [place.image] + (command[0] == "diff" ? [place.image] : [])
            let out = place.directory.appending("out").string
            let line = [command[0]] + images + command.dropFirst().map { $0 == "out" ? out : $0 }
            for options in [[], ["--layer", "2"], ["--platform", "local"], ["--max-layer-size", "1GiB"]] {
                let result = try await place.esgz(line + ["--json"] + options)
                #expect(result.status == 0 && result.errors == "", "\(options): \(result)")
                #expect(throws: Never.self) { try JSON(parsing: Array(result.output.utf8)) }
            }
            let layer = try await place.esgz(line + ["--layer", "9"])
            #expect(layer.status == 3 && layer.output == "", "\(layer)")
            #expect(layer.errors.contains("there is no layer 9; the image has 2"), "\(layer)")
            let platform = try await place.esgz(line + ["--platform", "linux/s390x"])
            #expect(platform.status == 3 && platform.errors.contains("linux/s390x"), "\(platform)")
        }
    }

    /// The limit that an error names can be raised where the error shows up.
    @Test(arguments: [["ls"], ["cat", "etc/motd"], ["verify"]])
    func whatIsTooLargeIsTakenWithAHigherLimit(_ command: [String]) async throws {
        try await withWorkplace { place, layout in
            try layout.add([try TinyLayer(Self.base.bytes)], tag: "plain")
            let line = [command[0], "oci:\(place.source):plain"] + command.dropFirst()
            let refused = try await place.esgz(line + ["--max-layer-size", "1KiB"])
            #expect(refused.status == 7 && refused.errors.contains("--max-layer-size"), "\(refused)")
            #expect(refused.errors.contains("layer 1"), "\(refused)")
            let taken = try await place.esgz(line + ["--max-layer-size", "1MiB"])
            #expect(taken.status == (command[0] == "verify" ? 6 : 0), "\(taken)")
        }
    }

    @Test func largeFilesMakeOnePieceOfBase64() async throws {
        try await withWorkplace { place, layout in
            var generator = SeededGenerator(4)
            let content = generator.bytes(3_000_001)
            try layout.add([try TinyLayer(Tar { file("big", content) }.bytes)], tag: "big")
            let result = try await place.esgz(["cat", "--json", "oci:\(place.source):big", "big"])
            let json = try JSON(parsing: Array(result.output.utf8))
            #expect(json["content"]?.string == Base64.text(of: content) && json["size"]?.integer == 3_000_001)
        }
    }

    @Test func directoriesAreExtracted() async throws {
        try await withImage { (place, _) async throws in
            let target = place.directory.appending("out")
            _ = try await place.look("extract", ["/etc", target.string])
            #expect(try names(below: target) == ["etc", "etc/motd", "etc/passwd"])
            #expect(try FileSlice(opening: target.appending("etc/passwd")).bytes() == Array("new root".utf8))
        }
    }

    @Test func differencesAreShownTheLargestFirst() async throws {
        try await withImage { (place, layout) async throws in
            let other = Tar {
                directory("etc"); file("etc/motd", "hello\n").mode(0o4755).owner(5, 6).attribute("user.a", [0xff])
                file("etc/passwd", "new root").mode(0o600); file("large", String(repeating: "x", count: 5000))
            }
            try layout.add([try TinyLayer(other.bytes)], tag: "other")
            let result = try await place.esgz(["diff", place.image, "oci:\(place.source):other"])
            #expect(result.status == 0)
            #expect(
                result.output == """
                    +  5.0 kB  large
                    -     1 B  bad\\n\\u{1b}[31m\\u{202e}name
                    -     0 B  dangling
                    ~     8 B  etc/passwd (mode)
                    -     0 B  link
                    -     0 B  null
                    1 added, 4 removed, 1 changed; +5.0 kB

                    """)
            #expect(result.errors.contains("is pulled as a whole"))
        }
    }

    @Test func documentsAndTablesAreShown() async throws {
        try await withImage { (place, _) async throws in
            let json = try JSON(parsing: Array(try await place.look("inspect", ["--json"]).utf8))
            let layers = try #require(json["layers"]?.array)
            #expect(layers.map { $0["format"]?.string } == ["estargz", "estargz"])
            #expect(layers[0]["files"]?.integer == 4 && layers[0]["landmark"]?.string == ".no.prefetch.landmark")
            let digest = try #require(layers[1]["tocDigest"]?.string)
            #expect(layers[1]["annotations"]?["containerd.io/snapshot/stargz/toc.digest"]?.string == digest)
            #expect(try await place.look("get-toc-digest", ["--layer", "2"]) == digest + "\n")
            let table = try await place.look("toc", ["--dump-toc", "--layer", "2"])
            #expect(Digest(of: Array(table.utf8)).description == digest)
            let manifest = try await place.look("inspect", ["--manifest"])
            #expect(Digest(of: Array(manifest.utf8)).description == json["manifest"]?.string)
            #expect(try await place.look("inspect", ["--raw"]) == manifest)
            #expect(try await place.look("inspect", ["--config"]).contains("diff_ids"))
            #expect(try await place.look("inspect", []).contains("\n    1  "))
            #expect(try await place.esgz(["toc", "--dump", place.image]).status == 2)
        }
    }

    @Test func growthIsShownAgainstTheSource() async throws {
        try await withImage { (place, layout) async throws in
            let source = "oci:\(place.source):two"
            let json = try JSON(parsing: Array(try await place.look("inspect", ["--source", source, "--json"]).utf8))
            let layers = try #require(json["layers"]?.array)
            for layer in layers {
                let size = try #require(layer["size"]?.integer)
                let before = try #require(layer["sourceSize"]?.integer)
                guard case .number(let text)? = layer["growth"] else {
                    Issue.record("a layer has no growth")
                    continue
                }
                let growth = try #require(Double(text))
                #expect(abs(growth - Double(size - before) * 100 / Double(before)) < 0.06)
            }
            #expect(try await place.look("inspect", ["--source", source]).contains("  growth  "))
            #expect(try await !place.look("inspect", []).contains("growth"))
            try layout.add([try TinyLayer(Tar { file("a", "x") }.bytes)], tag: "other")
            let refused = try await place.esgz(["inspect", place.image, "--source", "oci:\(place.source):other"])
            #expect(refused.status == 2 && refused.errors.contains("expected an image with 2 layers"))
            #expect(try await place.esgz(["inspect", place.image, "--source", source, "--raw"]).status == 2)
        }
    }

    @Test func ofSeveralPlatformsOneIsChosen() async throws {
        try await withWorkplace { place, layout in
            let foreign = ["s390x", "riscv64"].map { Platform(os: "linux", architecture: $0) }
            let images = try foreign.map { platform in
                (platform, [try TinyLayer(Tar { file(platform.architecture, "x") }.bytes)])
            }
            try layout.addIndex(images, tag: "foreign")
            let image = "oci:\(place.source):foreign"
            let refused = try await place.esgz(["ls", image])
            #expect(refused.status == 2)
            #expect(refused.errors.contains("choose with --platform from: linux/s390x, linux/riscv64"))
            #expect(try await place.esgz(["ls", image, "--platform", "linux/s390x"]).output == "s390x\n")
            #expect(try await place.esgz(["inspect", image]).output.contains("\nthe image has no manifest for "))
            for several in [["ls", image], ["inspect", image]] {
                let result = try await place.esgz(several + ["--platform", "linux/s390x,linux/riscv64"])
                #expect(result.status == 2 && result.errors.contains("expected "), "\(result)")
            }
            try layout.addIndex([(.local, images[0].1)] + images, tag: "mixed")
            #expect(try await place.esgz(["ls", "oci:\(place.source):mixed"]).output == "s390x\n")
        }
    }

    // MARK: - What it costs

    /// A small file out of a large image: manifest, configuration, a table for each layer from the top, and one member.
    ///
    /// The top layer is so small that its end is all of it.
    @Test(.enabled(if: LocalRegistry.isExpected), arguments: [("etc/motd", 2 + 3 + 1), ("top", 2 + 1)])
    func aSmallFileOfALargeImageCostsLittle(path: String, expected: Int) async throws {
        try await withWorkplace { place, layout in
            var generator = SeededGenerator(7)
            let noise = generator.bytes(6_000_000)
            let tars = [
                Tar {
                    file("etc/motd", String(repeating: "m", count: 200)); file("big", noise)
                },
                Tar { file("large", Array(noise.reversed())) }, Tar { file("top", "top") },
            ]
            try layout.add(try tars.map { try TinyLayer($0.bytes) }, tag: "large")
            let storage = place.directory.appending("registry")
            try FileManager.default.createDirectory(atPath: storage.string, withIntermediateDirectories: true)
            let registry = try LocalRegistry(in: storage, inMemory: true)
            defer { registry.stop() }
            let name = "\(registry.name)/large:esgz"
            try #require(try await place.esgz(["convert", "oci:\(place.source):large", name]).status == 0)

            let proxy = try CountingProxy(before: registry.port)
            defer { proxy.stop() }
            let result = try await place.esgz(["cat", "-v", "127.0.0.1:\(proxy.port)/large:esgz", path])
            try #require(result.status == 0, "\(result.errors)")
            #expect(result.output.utf8.count == (path == "top" ? 3 : 200))
            let (requests, bytes) = proxy.counts
            #expect(requests == expected)
            #expect(bytes < 100_000, "\(bytes) bytes")
            #expect(result.errors.hasSuffix("kB received\n") && result.errors.contains("\n\(requests) requests, "))
        }
    }

    /// What the other commands read of the same image: manifest, configuration, and of each layer its end; `verify` also
    /// asks as the snapshotter would.
    @Test(
        .enabled(if: LocalRegistry.isExpected),
        arguments: [
            (["ls", "-R"], 2 + 2), (["find", "motd"], 2 + 2), (["inspect"], 2 + 2), (["toc"], 2 + 2),
            (["stat", "etc/motd"], 2 + 2), (["verify", "--quick"], 2 + 2 + 2 * 4), (["cat", "etc/motd"], 2 + 2 + 1),
        ])
    func looksCostWhatTheyRead(command: [String], requests: Int) async throws {
        try await withWorkplace { place, layout in
            var generator = SeededGenerator(9)
            let tars = [
                Tar {
                    file("etc/motd", "hello"); file("big", generator.bytes(2_000_000))
                }, Tar { file("other", generator.bytes(2_000_000)) },
            ]
            try layout.add(try tars.map { try TinyLayer($0.bytes) }, tag: "two")
            let storage = place.directory.appending("registry")
            try FileManager.default.createDirectory(atPath: storage.string, withIntermediateDirectories: true)
            let registry = try LocalRegistry(in: storage, inMemory: true)
            defer { registry.stop() }
            try #require(
                try await place.esgz(["convert", "oci:\(place.source):two", "\(registry.name)/two:esgz"]).status == 0)
            let proxy = try CountingProxy(before: registry.port)
            defer { proxy.stop() }
            let image = "127.0.0.1:\(proxy.port)/two:esgz"
            let result = try await place.esgz([command[0], image] + command.dropFirst())
            #expect(result.status == 0 && result.errors == "", "\(result)")
            #expect(proxy.counts.requests == requests && proxy.counts.bytes < 400_000, "\(proxy.counts)")
        }
    }

    /// Ten gigabytes of which next to nothing is read: most of them exist nowhere.
    @Test func aSmallFileOfTenGigabytesCostsAFewKilobytes() async throws {
        let layer = try LayerPieces(
            try await Layer(Tar { file("etc/motd", String(repeating: "m", count: 200)) }.bytes).converted())
        let start = layer.data
        let tableOffset = Int64(10_000_000_000)
        let end = try compressed(layer.tocTar) + Footer(tocOffset: tableOffset).bytes
        let size = Int(tableOffset) + end.count
        let digest = Digest(of: Array("ten gigabytes".utf8))
        let sent = Monitor(0)
        let registry = try PlayRegistry { request in
            guard request.line == "GET /v2/app/blobs/\(digest)" else { return nil }
            let ends = (request["range"]?.dropping("bytes=") ?? "").split(separator: "-").compactMap { Int($0) }
            guard ends.count == 2 else { return Exchange(request.line, 400) }
            let bytes = (ends[0]...ends[1]).map { position in
                position < start.count
                    ? start[position] : position < Int(tableOffset) ? 0 : end[position - Int(tableOffset)]
            }
            sent.withLock { $0 += bytes.count }
            return Exchange(
                request.line, 206,
                ["Content-Range": "bytes \(ends[0])-\(ends[1])/\(size)", "Content-Type": "application/octet-stream"],
                body: bytes)
        }
        defer { registry.stop() }
        let configuration = Array(
            #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\#(digest)"]}}"#.utf8)
        registry.add(configuration)
        let named = Descriptor(
            mediaType: .ociConfiguration, digest: Digest(of: configuration), size: Int64(configuration.count))
        var described = Descriptor(mediaType: .ociLayerGzip, digest: digest, size: Int64(size))
        described.editAnnotations { $0[Annotation.tocDigest] = .string(layer.tocDigest.description) }
        registry.add(
            manifest: """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest.text)","config":\(named.json.shownText),\
                "layers":[\(described.json.shownText)]}
                """, type: MediaType.ociManifest.text, tag: "1")
        try await withWorkplace { place, _ in
            let result = try await place.esgz(["cat", "\(registry.name)/app:1", "etc/motd"])
            #expect(result.output == String(repeating: "m", count: 200), "\(result.errors)")
            #expect(registry.requests.count <= 5 && sent.withLock { $0 } < 100_000, "\(registry.requests.count)")
        }
    }

    // MARK: -

    /// An image of two layers, converted.
    private func withImage(_ body: (Workplace, inout TinyLayout) async throws -> Void) async throws {
        try await withWorkplace { place, layout in
            try layout.add(try [Self.base, Self.top].map { try TinyLayer($0.bytes) }, tag: "two")
            try #require(try await place.convert(from: "two", to: place.image).status == 0)
            try await body(place, &layout)
        }
    }
}

extension Workplace {
    fileprivate var image: String { "oci:\(destination):two" }

    /// What a command prints about the image; it must succeed and say nothing else.
    fileprivate func look(_ command: String, _ arguments: [String]) async throws -> String {
        let result = try await esgz([command, image] + arguments)
        #expect(result.status == 0 && result.errors == "", "\(command) \(arguments): \(result.errors)")
        return result.output
    }
}
