import Content
import OCI
import SystemPackage
import TestSupport
import Testing

/// `esgz optimize`, `esgz convert --profile` and `esgz profile …`.
struct ProfileCommandTests {
    /// An image of two layers: the upper one replaces a file.
    private func withImage(_ body: (Workplace) async throws -> Void) async throws {
        var lower = TinyTar()
        for name in ["rest", "bin/app", "etc/conf"] { lower.file(name, "lower \(name)\n") }
        var upper = TinyTar()
        for name in ["other", "etc/conf"] { upper.file(name, "upper \(name)\n") }
        try await withWorkplace([try TinyLayer(lower), try TinyLayer(upper)]) { place, _ in
            try write("/bin/app\n/etc/conf\n", to: place.directory.appending("profile"))
            try await body(place)
        }
    }

    private func write(_ text: String, to path: FilePath) throws {
        try TestSupport.write(Array(text.utf8), to: path)
    }

    /// Names before the landmark, in each layer of the result.
    private func prefetched(_ place: Workplace) throws -> [[String]] {
        func blob(_ digest: String?) throws -> [UInt8] {
            let hex = try #require(digest).dropFirst("sha256:".count)
            return try FileSlice(opening: place.destination.appending("blobs/sha256/\(hex)")).bytes()
        }
        let manifest = try JSON(parsing: try blob(try place.published()))
        return try (manifest["layers"]?.array ?? []).map { layer in
            let names = try EStargzBlob(try blob(layer["digest"]?.string)).names
            return names.first == ".no.prefetch.landmark" ? [] : Array(names.prefix { $0 != ".prefetch.landmark" })
        }
    }

    private func arguments(_ place: Workplace) -> [String] {
        ["oci:\(place.source):latest", "oci:\(place.destination):new", "--tmp-dir", place.temporary.string]
    }

    @Test(arguments: ["convert", "optimize"], ["--profile", "--estargz-record-in", "--prefetch-list"])
    func allNamesOfTheOptionPutFilesFirst(command: String, option: String) async throws {
        try await withImage { place in
            let result = try await place.esgz([command] + arguments(place) + [option, "profile"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output == "\(try #require(try place.published()))\n")
            #expect(try prefetched(place) == [["bin/app"], ["etc/conf"]])
            #expect(try names(below: place.temporary) == [])
            for line in ["layer 2/2", ": read, ", ": converted, "] { #expect(result.errors.contains(line)) }
        }
    }

    @Test func aProfileComesFromStdin() async throws {
        try await withImage { place in
            let result = try await place.shell(
                #"echo '{"path":"etc/conf"}' | "$esgz" optimize -q --profile - "$source" "$destination""#)
            #expect(result.status == 0 && result.errors == "")
            #expect(try prefetched(place) == [[], ["etc/conf"]])
        }
    }

    @Test func whatWasPutFirstIsWrittenAsARecord() async throws {
        try await withImage { place in
            let manifest = try #require(
                JSON(parsing: FileSlice(opening: place.source.appending("index.json")).bytes())["manifests"]?.array?
                    .first?["digest"]?.string)
            try write("gone\n/etc/*\n/bin/app\n", to: place.directory.appending("profile"))
            let result = try await place.esgz(
                ["optimize"] + arguments(place) + ["-q", "--profile", "profile", "--record-out", "record"])
            #expect(result.errors == "warning: 1 of the profile's paths are not in linux/amd64: /gone\n")
            let record = try FileSlice(opening: place.directory.appending("record")).bytes()
            #expect(
                String(decoding: record, as: UTF8.self) == """
                    {"path":"etc/conf","manifestDigest":"\(manifest)","layerIndex":1}
                    {"path":"bin/app","manifestDigest":"\(manifest)","layerIndex":0}

                    """)
            let again = try await place.esgz(
                ["optimize"] + arguments(place) + ["-q", "--strict", "--profile", "record"])
            #expect(again.output == result.output)
            let nowhere = try await place.esgz(
                ["optimize", "oci:\(place.source):latest", "oci:nowhere:x", "--record-out", "/no/such/file"])
            #expect(nowhere.status == 2 && nowhere.errors.contains("--record-out: cannot write /no/such/file"))
            #expect(throws: (any Error).self) { try place.directory.appending("nowhere").stat() }
            let dry = try await place.esgz(
                ["optimize"] + arguments(place) + ["--dry-run", "--profile", "record", "--record-out", "record"])
            #expect(try dry.status == 0 && FileSlice(opening: place.directory.appending("record")).bytes() == record)
        }
    }

    @Test func withStrictAMissingPathLeavesNothingBehind() async throws {
        try await withImage { place in
            try write("/bin/app\n/gone\n", to: place.directory.appending("profile"))
            let result = try await place.esgz(
                ["optimize"] + arguments(place) + ["-q", "--strict", "--profile", "profile"])
            try place.expectFailure(
                result, 8, saying: ["profile of linux/amd64: 1 of the profile's paths are not in the image: /gone"])
        }
    }

    @Test(arguments: [
        ("a file that is not there", "gone", 3, "cannot read gone"),
        ("a directory", "tmp", 1, "cannot read tmp"),
        ("a binary", "zeros", 8, "profile zeros: expected text"),
        ("broken JSON", "broken", 8, "profile broken: malformed JSON at byte 8"),
        ("an open bracket", "bracket", 8, "profile bracket: line 2: the pattern '[' has a bracket without an end"),
    ])
    func aProfileThatCannotBeReadIsRefusedBeforeAnythingElse(
        what: String, name: String, status: Int32, message: String
    ) async throws {
        try await withImage { place in
            try write("\0\0", to: place.directory.appending("zeros"))
            try write(#"{"path":"#, to: place.directory.appending("broken"))
            try write("a\n[\n", to: place.directory.appending("bracket"))
            let result = try await place.esgz(["optimize"] + arguments(place) + ["--profile", name])
            try place.expectFailure(result, status, saying: [message])
        }
    }

    @Test func imageAndProfileCannotBothComeFromStdin() async throws {
        try await withImage { place in
            let result = try await place.esgz(["convert", "oci-archive:-", "oci:x", "--profile", "-"])
            try place.expectFailure(result, 2, saying: ["the image comes from stdin, so the profile cannot"])
            let check = try await place.esgz(["profile", "check", "oci-archive:-", "-"])
            try place.expectFailure(check, 2, saying: ["the image comes from stdin, so the profile cannot"])
        }
    }

    // MARK: - esgz profile

    @Test func profilesAreConverted() async throws {
        try await withImage { place in
            try write(#"["/a","/b"]"#, to: place.directory.appending("soci"))
            let record = try await place.esgz(["profile", "convert", "soci", "profile", "soci"])
            #expect(
                record.output == #"""
                    {"path":"a"}
                    {"path":"b"}
                    {"path":"bin/app"}
                    {"path":"etc/conf"}

                    """#)
            let list = try await place.esgz(["profile", "convert", "--to", "list", "soci"])
            #expect(list.output == "/a\n/b\n")
            let json = try await place.esgz(["profile", "convert", "--json", "soci"])
            #expect(json.output == #"{"entries":[{"path":"/a"},{"path":"/b"}]}"# + "\n")
            let piped = try await place.shell(#"echo /a | "$esgz" profile convert -"#)
            #expect(piped.output == #"{"path":"a"}"# + "\n")
            let empty = try await place.esgz(["profile", "convert", "/dev/null"])
            #expect(empty.status == 0 && empty.output == "")
        }
    }

    @Test func aRecordHoldsNoPatterns() async throws {
        try await withImage { place in
            try write("/a*\n", to: place.directory.appending("patterns"))
            let record = try await place.esgz(["profile", "convert", "patterns"])
            try place.expectFailure(record, 2, saying: ["the profile has patterns, which a record cannot hold"])
            let list = try await place.esgz(["profile", "convert", "--to", "list", "patterns"])
            #expect(list.output == "/a*\n")
        }
    }

    @Test(arguments: [
        ([], "/b /a /c /d"), (["--by", "first-use"], "/b /a /c /d"), (["--by", "weight"], "/c /b /a /d"),
    ])
    func profilesAreMerged(options: [String], expected: String) async throws {
        try await withImage { place in
            for (name, text) in [("1", "/b\n/c\n"), ("2", "/a\n/d\n/c\n"), ("3", "/b\n/a\n/c\n/c\n")] {
                try write(text, to: place.directory.appending(name))
            }
            let result = try await place.esgz(["profile", "merge", "--to", "list"] + options + ["1", "2", "3"])
            #expect(result.output.split(separator: "\n").joined(separator: " ") == expected)
        }
    }

    @Test func aProfileIsShown() async throws {
        try await withImage { place in
            let digest = "sha256:" + String(repeating: "a", count: 64)
            try write(
                #"{"path":"a","manifestDigest":"\#(digest)","layerIndex":1}{"path":"b"}"#,
                to: place.directory.appending("record"))
            let text = try await place.esgz(["profile", "show", "record"])
            #expect(text.output == "format    record\npaths     2\nimage     \(digest), 1 of the paths\n\n/a\n/b\n")
            let json = try await place.esgz(["profile", "show", "--json", "record"])
            #expect(
                json.output
                    == #"{"entries":[{"path":"/a","manifestDigest":"\#(digest)","layerIndex":1},{"path":"/b"}],"format":"record"}"#
                    + "\n")
            let other = try await place.esgz(["profile", "show", "--profile-format", "list", "record"])
            #expect(other.output.hasPrefix("format    list\npaths     1\n"))
        }
    }

    @Test func aProfileIsCheckedAgainstAnImage() async throws {
        try await withImage { place in
            try write("/bin/app\n/gone\n/etc/conf\n", to: place.directory.appending("profile"))
            let check = ["profile", "check", "oci:\(place.source):latest", "profile", "-q"]
            let text = try await place.esgz(check)
            #expect(text.status == 0 && text.errors == "")
            for line in [
                "linux/amd64 sha256:", "  found     2 of 3\n", "  missing   /gone\n", ": 1 entry with 14 B, ",
                ": within the 10 s that the snapshotter waits\n",
            ] { #expect(text.output.contains(line), "\(text.output)") }

            // What it says is what a conversion makes.
            let json = try JSON(parsing: Array(try await place.esgz(check + ["--json"]).output.utf8))
            let image = try #require(json["images"]?.array?.first)
            #expect(image["missing"]?.array == ["/gone"])
            #expect(image["layers"]?.array?.map { $0["entries"]?.integer } == [1, 1])
            _ = try await place.esgz(["convert"] + arguments(place) + ["-q", "--profile", "profile"])
            let sizes = try landmarks(place)
            #expect(image["layers"]?.array?.map { $0["prefetch"]?.integer } == sizes)
            #expect(image["prefetch"]?.integer == sizes.reduce(0, +))

            let missing = try await place.esgz(check + ["--strict"])
            #expect(missing.status == 8 && missing.output == text.output)
            try write("/bin/app\n", to: place.directory.appending("profile"))
            #expect(try await place.esgz(check + ["--strict"]).status == 0)
            let slow = try await place.esgz(check + ["--strict", "--bandwidth", "1"])
            #expect(slow.status == 7)
            #expect(slow.output.contains("longer than the 10 s"))
            #expect(slow.errors.contains("error: prefetching takes "))
            #expect(try names(below: place.temporary) == [])
        }
    }

    @Test func aProfileThatNamesNothingIsTold() async throws {
        try await withImage { place in
            try write("openat(AT_FDCWD)\n", to: place.directory.appending("garbage"))
            let source = "oci:\(place.source):latest"
            for profile in [["/dev/null"], ["garbage", "--profile-format", "strace"]] {
                for (command, name) in [
                    (["profile", "check", source], []), (["report", source], ["--profile"]),
                    (["convert"] + arguments(place) + ["-q"], ["--profile"]),
                    (["optimize"] + arguments(place) + ["-q"], ["--profile"]),
                ] {
                    let mild = try await place.esgz(command + name + profile)
                    #expect(mild.status == 0 && mild.errors.contains("warning: the profile names no path"), "\(mild)")
                    guard command[0] != "report" else { continue }
                    let strict = try await place.esgz(command + name + profile + ["--strict"])
                    #expect(strict.status == 8 && strict.errors.hasPrefix("error: the profile names no path"))
                }
            }
        }
    }

    @Test func aProfileInThePlaceOfTheImageIsTold() async throws {
        try await withImage { place in
            let check = try await place.esgz(["profile", "check", "profile", "oci:source:latest"])
            try place.expectFailure(
                check, 2,
                saying: ["expected the image before the profile: esgz profile check oci:source:latest profile"])
        }
    }

    /// Where the landmarks of the result's layers begin.
    private func landmarks(_ place: Workplace) throws -> [Int64] {
        func blob(_ digest: String?) throws -> [UInt8] {
            let hex = try #require(digest).dropFirst("sha256:".count)
            return try FileSlice(opening: place.destination.appending("blobs/sha256/\(hex)")).bytes()
        }
        let manifest = try JSON(parsing: try blob(try place.published()))
        return try (manifest["layers"]?.array ?? []).map { layer in
            let blob = try EStargzBlob(try blob(layer["digest"]?.string))
            return blob.entry(".prefetch.landmark")?["offset"]?.integer ?? 0
        }
    }
}
