import Content
import EStargz
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// What a conversion that succeeds says, and where.
struct OutputTests {
    /// An escape in what somebody else wrote must not get to the terminal.
    @Test func quietCommandsDoNotTellWhatTheyPull() async throws {
        try await withWorkplace { place, _ in
            for arguments in [["cat", "oci:source:latest", "etc/motd"], ["ls", "oci:source:latest"]] {
                let loud = try await place.esgz(arguments)
                let quiet = try await place.esgz(arguments + ["-q"])
                #expect(loud.status == 0 && loud.errors.contains("is pulled as a whole"), "\(loud.errors)")
                #expect(quiet.status == 0 && quiet.errors == "" && quiet.output == loud.output, "\(quiet.errors)")
            }
            for command in ["inspect", "report", "toc"] {
                #expect(try await place.esgz([command, "oci:source:latest", "--quiet"]).errors == "")
            }
        }
    }

    @Test func habitsFromOtherToolsDoNoHarm() async throws {
        try await withWorkplace { place, _ in
            let plain = try await place.esgz(["ls", "-q", "-l", "oci:source:latest"])
            #expect(plain.status == 0 && plain.output.contains("etc"), "\(plain.errors)")
            for options in ["-lh", "-la", "-lah"] {
                #expect(try await place.esgz(["ls", "-q", options, "oci:source:latest"]).output == plain.output)
            }
            let copy = try await place.esgz(["copy", "--all", "oci:source:latest", "oci:destination:new"])
            #expect(copy.status == 0, "\(copy.errors)")
            let summary = try await place.esgz(["inspect", "oci:source:latest"]).output
            #expect(
                !summary.contains("not lazy  layer 1") && summary.contains("  not lazy  the manifest"), "\(summary)")
        }
    }

    @Test(arguments: [
        ("text/\u{1b}[31m", "{}"), ("text/plain", #"{"mediaType":"\u001b[31m"}"#),
        ("text/plain", #"{"\u001b[31m":1,"\u001b[31m":2}"#),
        (MediaType.ociIndex.text, #"{"schemaVersion":2,"manifests":[{"digest":"\u001b[31m"}]}"#),
        (MediaType.ociManifest.text, #"{"schemaVersion":2,"config":{"mediaType":"a","digest":"\u202e","size":1}}"#),
    ])
    func messagesSteerNoTerminal(type: String, manifest: String) async throws {
        let row = Exchange("GET /v2/app/manifests/1", 200, ["Content-Type": type], body: Array(manifest.utf8))
        try await withScript([row]) { server in
            try await withWorkplace { place, _ in
                let command = try await place.esgz(
                    ["copy", "127.0.0.1:\(server.port)/app:1", "oci:\(place.destination):new"])
                try place.expectFailure(command, 8, saying: [])
                #expect(
                    !command.errors.contains { "\u{1b}\u{202e}".contains($0) }, "\(command.errors.debugDescription)")
            }
        }
    }

    @Test func layersOfOddTypesSteerNoTerminalEither() async throws {
        try await withWorkplace { place, layout in
            var odd = try TinyLayer(Tar { file("a", "x") }.bytes)
            odd.descriptor = odd.descriptor.replacing(
                mediaType: MediaType("odd/\u{1b}[2J\u{202e}"), digest: odd.descriptor.digest,
                size: odd.descriptor.size)
            try layout.add([try TinyLayer(Tar { file("b", "x") }.bytes), odd], tag: "odd")
            for arguments in [["convert"], ["convert", "--dry-run"], ["copy"]] {
                let command = try await place.esgz(
                    arguments + ["oci:\(place.source):odd", "oci:\(place.destination):new"])
                #expect(command.status == 0, "\(command.errors)")
                let said = command.errors + command.output
                #expect(!said.contains { "\u{1b}\u{202e}".contains($0) }, "\(said.debugDescription)")
            }
        }
    }

    @Test func stdoutIsTheDigestAlone() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.convert()
            #expect(command.status == 0)
            let digest = try #require(try place.published())
            #expect(command.output == "\(digest)\n")
            #expect(command.errors.hasPrefix("layer 1/1 "))
            #expect(command.errors.contains(": converted, "))
            #expect(command.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func theReportHasTheDocumentedFields() async throws {
        let layer = try TinyLayer(.motd())
        try await withWorkplace([layer]) { place, _ in
            let command = try await place.convert("--json", "--quiet")
            #expect(command.errors.isEmpty)
            let report = try JSON(parsing: Array(command.output.utf8))
            #expect(report["digest"]?.string == (try place.published()))
            #expect(report["result"]?["digest"] == report["digest"])
            #expect(report["source"]?["mediaType"]?.string == "application/vnd.oci.image.manifest.v1+json")
            let reported = try #require(report["layers"]?.array?.first)
            #expect(reported["action"]?.string == "convert")
            #expect(reported["source"]?["digest"]?.string == layer.descriptor.digest.description)
            let annotations = reported["result"]?["annotations"]
            #expect(annotations?["containerd.io/snapshot/stargz/toc.digest"]?.string?.hasPrefix("sha256:") == true)
            #expect(annotations?["io.containers.estargz.uncompressed-size"]?.string.flatMap { Int($0) } != nil)
            #expect(report["destinations"]?.array?.first?["location"]?.string == "oci:\(place.destination):new")
            #expect(report["destinations"]?.array?.first?["error"] == nil)
            #expect(report["warnings"]?.array == [])
            #expect(command.output.last == "\n")
        }
    }

    @Test func theDigestFileHoldsTheDigestWithoutALineEnd() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.convert("--digest-file", "digest")
            let file = try FileSlice(opening: place.directory.appending("digest")).bytes()
            #expect(String(decoding: file, as: UTF8.self) + "\n" == command.output)
        }
    }

    @Test(arguments: ["no/such/directory/digest", "tmp"], ["convert", "copy"])
    func aDigestFileThatCannotBeWrittenIsFoundBeforeAnythingIs(file: String, command: String) async throws {
        try await withWorkplace { place, _ in
            let failed = try await place.esgz([
                command, "oci:\(place.source):latest", "oci:\(place.destination):new", "--digest-file", file,
                "--tmp-dir",
                place.temporary.string,
            ])
            try place.expectFailure(failed, 2, saying: ["--digest-file: cannot write \(file)"])
            #expect(access(place.destination.string, F_OK) != 0)
        }
    }

    @Test(arguments: [["--quiet"], ["-q"], ["--progress", "none"]])
    func quietIsQuiet(arguments: [String]) async throws {
        try await withWorkplace { place, _ in
            let command = try await place.convert(arguments)
            #expect(command.status == 0)
            #expect(command.errors.isEmpty)
        }
    }

    @Test(arguments: ["auto", "plain"])
    func plainProgressIsALineForEachLayer(form: String) async throws {
        try await withWorkplace([TinyLayer(.motd()), TinyLayer(.motd("second\n"))]) { place, _ in
            let lines = try await place.convert("--progress", form).errors.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines.contains { $0.hasPrefix("layer 1/2 ") })
            #expect(lines.contains { $0.hasPrefix("layer 2/2 ") })
        }
    }

    @Test func progressInJSONIsAnObjectForEachEvent() async throws {
        try await withWorkplace { place, _ in
            let lines = try await place.convert("--progress", "json").errors.split(separator: "\n")
            let events = try lines.map { try JSON(parsing: Array($0.utf8)) }
            #expect(events.map { $0["event"]?.string } == ["started", "entered", "entered", "finished"])
            #expect(events.map { $0["stage"]?.string } == [nil, "convert", "push", nil])
            #expect(events.allSatisfy { $0["number"]?.integer == 1 && $0["total"]?.integer == 1 })
            #expect(events.last?["report"]?["action"]?.string == "convert")
        }
    }

    @Test func progressOnATerminalEndsWithTheLinesOfTheLayersAlone() async throws {
        try await withWorkplace { place, _ in
            let errors = try await place.convert("--progress", "tty").errors
            #expect(errors.contains("layer 1/1 "))
            // What is left on the screen after the last time that lines were taken back.
            let screen = errors.split(separator: "\u{1b}[J").last ?? ""
            #expect(screen.contains(": converted, "), "\(errors.debugDescription)")
            #expect(!screen.contains("converting"), "\(errors.debugDescription)")
        }
    }

    @Test func aDryRunSaysWhatItWouldDoAndMovesNothing() async throws {
        let layer = try TinyLayer(.motd())
        try await withWorkplace([layer]) { place, _ in
            let command = try await place.convert("--dry-run")
            #expect(command.status == 0)
            #expect(command.output.hasPrefix("\(layer.descriptor.digest) would be converted, "))
            #expect(command.errors.isEmpty)
            #expect(access(place.destination.string, F_OK) != 0)
            let report = try JSON(parsing: Array(try await place.convert("--dry-run", "--json").output.utf8))
            #expect(report["digest"] == nil)
            #expect(report["layers"]?.array?.first?["action"]?.string == "convert")
        }
    }

    @Test(arguments: [
        (["--compression-level", "3"], ["--estargz-compression-level", "3"]),
        (["--chunk-size", "64KiB"], ["--estargz-chunk-size", "65536"]),
        (["--threads", "1"], ["--estargz-parallelism", "1"]),
        (["--oci"], ["--estargz"]),
    ])
    func theNamesOfOtherToolsMeanTheSame(ours: [String], theirs: [String]) async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 200_000))]) { place, _ in
            let first = try await place.convert(ours)
            #expect(first.status == 0, "\(first.errors)")
            #expect(try await place.convert(theirs).output == first.output)
        }
    }

    @Test func theBytesDoNotDependOnTheNumberOfThreads() async throws {
        var tar = TinyTar.motd(noise: 9_000_000)
        for number in 0..<500 { tar.file("many/\(number)", String(repeating: "\(number)\n", count: number)) }
        try await withWorkplace([TinyLayer(tar), TinyLayer(.motd())]) { place, _ in
            let outputs = try await ["1", "2", "16"].asyncMap { try await place.convert("--threads", $0).output }
            #expect(Set(outputs).count == 1)
            #expect(outputs.first?.hasPrefix("sha256:") == true)
        }
    }

    @Test func theVersionNamesTheLibraryThatTheBytesDependOn() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.esgz(["--version"])
            #expect(command.status == 0)
            #expect(command.output.hasSuffix(" (libdeflate \(GzipCompressor.libraryVersion))\n"))
        }
    }

    @Test(arguments: [
        #""$esgz" convert "$source" "$destination" --quiet | true"#,
        #""$esgz" convert "$source" "$destination" --quiet >&-"#,
        #""$esgz" convert --help | true"#,
    ])
    func aReaderThatHasSeenEnoughIsNoFailure(script: String) async throws {
        try await withWorkplace { place, _ in
            let command = try await place.shell("set -o pipefail; \(script)")
            #expect(command.status == 0)
            #expect(command.errors.isEmpty)
        }
    }

    @Test func aResultThatCannotBeWrittenIsAFailure() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.shell(#""$esgz" convert "$source" "$destination" --quiet >/dev/full"#)
            #expect(command.status == 1)
            #expect(command.errors.hasPrefix("error: cannot write stdout: "))
        }
    }

    @Test func noMessageEndsUpInABlobWhenStderrIsClosed() async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 100_000))]) { place, _ in
            let command = try await place.shell(#""$esgz" convert "$source" "$destination" <&- 2>&-"#)
            #expect(command.status == 0)
            for name in try names(below: place.destination.appending("blobs/sha256")) {
                let bytes = try FileSlice(opening: place.destination.appending("blobs/sha256").appending(name)).bytes()
                #expect(Digest(of: bytes).description == "sha256:\(name)")
            }
        }
    }
}

extension Workplace {
    fileprivate func convert(_ arguments: [String]) async throws -> Command {
        try await esgz(["convert", "oci:\(source):latest", "oci:\(destination):new"] + arguments)
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
