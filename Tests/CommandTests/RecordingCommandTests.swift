import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// `esgz profile record` and `esgz optimize --run`.
@Suite(
    .enabled(
        if: geteuid() == 0 && Command.isExpected("runc") && Command.isExpected("gcc"), "needs root, runc and gcc"))
struct RecordingCommandTests {
    /// An image with the probe in its lower layer and some files in both.
    private func withProbe(_ body: (Workplace) async throws -> Void) async throws {
        let probe = try await Probe.shared.isStatic
        let layers = try Self.layers(probe)
        try await withWorkplace(layers) { place, _ in try await body(place) }
    }

    private static func layers(_ probe: [UInt8]) throws -> [TinyLayer] {
        [
            try TinyLayer(
                Tar {
                    file("rest", "x"); file("probe", probe).mode(0o755); file("conf", "lower")
                }.bytes),
            try TinyLayer(
                Tar {
                    file("other", "x"); file("conf", "upper")
                }.bytes),
        ]
    }

    /// Runs `esgz profile record` with the probe, whose words come last.
    private func record(
        _ place: Workplace, _ options: String..., running words: String, program: String = "/probe"
    ) async throws -> Command {
        try await place.esgz(
            ["profile", "record", "oci:\(place.source):latest", "--tmp-dir", place.temporary.string] + options
                + ["--", program] + words.split(separator: " ").map(String.init))
    }

    /// Expects that no directory and no mount is left, nor the control groups of the runs that a file names.
    private func expectNothingLeft(
        _ place: Workplace, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(try names(below: place.temporary) == [], sourceLocation: sourceLocation)
        let left = try await place.shell(
            """
            grep -F "$TMPDIR" /proc/self/mountinfo
            for run in $(cat runs 2>/dev/null); do find /sys/fs/cgroup -name $run; done
            """)
        #expect(left.output == "", sourceLocation: sourceLocation)
    }

    @Test func theProfileGoesToStdoutAndAllElseToStderr() async throws {
        try await withProbe { place in
            let result = try await record(place, running: "print hello open /conf print done")
            #expect(result.status == 0, "\(result.errors)")
            let lines = try result.output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
            #expect(lines.map { $0["path"]?.string } == ["probe", "conf"])
            #expect(lines.map { $0["layerIndex"]?.integer } == [0, 1])
            #expect(result.errors.contains("\nrunning /probe print hello open /conf print done\nhello\ndone\n"))
            #expect(result.errors.contains("\nunpacking ") && result.errors.contains("\nrecorded 2 files in "))
            let quiet = try await record(place, "-q", "--to", "list", running: "open /conf")
            #expect(quiet.errors == "" && quiet.output.hasSuffix("/probe\n/conf\n"), "\(quiet)")
            let file = try await record(place, "--record-out", "profile", running: "open /conf")
            #expect(file.output == "")
            let written = try FileSlice(opening: place.directory.appending("profile")).bytes()
            #expect(String(decoding: written, as: UTF8.self) == result.output)
            try await expectNothingLeft(place)
        }
    }

    @Test func whatTheWorkloadOpensComesFirst() async throws {
        try await withProbe { place in
            let result = try await place.esgz([
                "optimize", "--run", "oci:\(place.source):latest", "oci:\(place.destination):new", "--tmp-dir",
                place.temporary.string, "--entrypoint", #"["/probe"]"#, "--args", #"["open","/conf"]"#,
            ])
            #expect(result.status == 0, "\(result.errors)")
            let checked = try await place.esgz(
                ["optimize", "--profile", "-", "oci:\(place.source):latest", "oci:\(place.destination):again"])
            #expect(checked.status == 0)
            let digest = try #require(try place.published())
            let manifest = try JSON(parsing: FileSlice(opening: blob(digest, place)).bytes())
            let firsts = try (manifest["layers"]?.array ?? []).map { layer in
                let bytes = try FileSlice(opening: blob(layer["digest"]?.string ?? "", place)).bytes()
                return Array(try EStargzBlob(bytes).names.prefix { $0 != ".prefetch.landmark" })
            }
            #expect(firsts == [["probe"], ["conf"]])
            try await expectNothingLeft(place)
        }
    }

    private func blob(_ digest: String, _ place: Workplace) -> FilePath {
        place.destination.appending("blobs/sha256/\(digest.dropFirst("sha256:".count))")
    }

    @Test func otherPlatformsGetThePathsThatWereRecordedHere() async throws {
        let layers = try Self.layers(try await Probe.shared.isStatic)
        try await withWorkplace { place, layout in
            let other = Platform(os: "linux", architecture: "s390x")
            let foreign = try TinyLayer(
                Tar {
                    file("rest", "y"); file("conf", "theirs")
                }.bytes)
            try layout.addIndex([(other, [foreign]), (.local, layers)], tag: "index")
            try layout.addIndex([(other, [foreign])], tag: "foreign")
            let arguments = ["--tmp-dir", place.temporary.string, "--entrypoint", #"["/probe"]"#]
            let result = try await place.esgz(
                ["optimize", "--run", "oci:\(place.source):index", "oci:\(place.destination):new"] + arguments
                    + ["--args", #"["open","/conf"]"#, "--record-out", "profile"])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("\nlinux/s390x does not run here; it gets the paths that were recorded on "))
            #expect(result.errors.contains("warning: 1 of the profile's paths are not in linux/s390x: /probe"))
            let record = try FileSlice(opening: place.directory.appending("profile")).bytes()
            #expect(String(decoding: record, as: UTF8.self).split(separator: "\n").count == 3)
            let foreignAlone = try await place.esgz(
                ["optimize", "--run", "oci:\(place.source):foreign", "oci:\(place.destination):x"] + arguments)
            #expect(foreignAlone.status == 8)
            #expect(foreignAlone.errors.contains("an image for linux/s390x does not run on this machine"))
            let nothing = try await place.esgz(["profile", "record", "oci:\(place.source):foreign"] + arguments)
            #expect(nothing.status == 3, "\(nothing.errors)")
        }
    }

    @Test(arguments: [
        (["--env", "A=1"], "--env: expected --run as well"), (["--net-host"], "--net-host: expected --run as well"),
        (["--run", "--no-optimize"], "--run and --no-optimize exclude each other"),
        (["--run", "--profile", "x"], "--profile and --run exclude each other"),
        (["--run", "-t"], "--terminal: expected -i as well"), (["--run", "-t", "-i", "--wait-on-signal"], "exclude"),
        (["--run", "--period", "5", "--wait-on-signal"], "exclude"), (["--run", "--period", "0"], "more than 0"),
        (["--run", "--args", "ls"], "--args"), (["--run", "--args", "[1]"], "--args"),
        (["--run", "--mount", "type=bind,source=/a"], "--mount"), (["--run", "--mount", "destination=/a"], "--mount"),
        (["--run", "--add-hosts", "db"], "--add-hosts"), (["--run", "--add-hosts", "db:nowhere"], "--add-hosts"),
        (["--run", "--wait-on-line", ""], "--wait-on-line"), (["--run", "--gpus", "all"], "esgz knows no CDI"),
        (["--run", "--cni"], "use --net-host"), (["--run", "--cni-plugin-dir", "/x"], "use --net-host"),
    ])
    func optionsThatMakeNoSenseAreRefused(options: [String], message: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz(
                ["optimize", "oci:\(place.source):latest", "oci:\(place.destination):x"] + options)
            #expect(result.status == 2)
            #expect(result.errors.contains(message), "\(result.errors)")
        }
    }

    @Test func whatIsMissingIsNamed() async throws {
        try await withProbe { place in
            let command = #""$esgz" profile record "$source" --tmp-dir "$tmp""#
            let noRuntime = try await place.shell("PATH=/nowhere \(command)")
            #expect(noRuntime.status == 1)
            #expect(
                noRuntime.errors.contains(
                    "error: cannot run the workload, which needs runc or crun in PATH; --static makes a profile"))
            // Somebody else, but one who may read the program wherever it lies.
            let noRoot = try await place.shell(
                """
                chmod 711 . && chmod 777 "$tmp" &&
                setpriv --reuid 65534 --clear-groups --inh-caps +dac_override --ambient-caps +dac_override \
                    \(command)
                """)
            #expect(noRoot.status == 1)
            #expect(noRoot.errors.contains("error: cannot run the workload, which needs to be root; "), "\(noRoot)")
            let noCapability = try await place.shell("setpriv --bounding-set -sys_admin \(command)")
            #expect(noCapability.status == 1)
            #expect(noCapability.errors.contains("needs the capability CAP_SYS_ADMIN, which this container lacks"))
        }
    }

    @Test(arguments: [("INT", 130), ("TERM", 143)])
    func anInterruptedRunLeavesNothing(signal: String, status: Int32) async throws {
        try await withProbe { place in
            let token = "interrupted-by-\(signal)"
            let result = try await place.shell(
                """
                "$esgz" profile record "$source" --tmp-dir "$tmp" --period 60 -- /probe fork x print \(token) sleep 60 2>log &
                for ((i = 0; i < 200; i++)); do grep -q \(token) log && break; sleep 0.05; done
                basename "$tmp"/esgz-run-* >runs
                kill -\(signal) $!; wait $!; status=$?; cat log; exit $status
                """)
            #expect(result.status == status && result.output.hasSuffix("interrupted\n"), "\(result)")
            try await expectNothingLeft(place)
            #expect(try processes(saying: token) == 0)
        }
    }

    /// Long enough for idle threads to end: those that come later take after the thread that starts them.
    @Test func aLongRunLeavesRelativeNamesAsTheyWere() async throws {
        try await withProbe { place in
            let result = try await place.shell(
                """
                "$esgz" optimize --run "$source" oci:new:x --record-out record --tmp-dir "$tmp" --period 30s -q \
                    --args '["/probe","sleep","6"]' && cat record && ls new
                """)
            #expect(result.status == 0, "\(result)")
            #expect(result.output.contains("probe") && result.output.contains("oci-layout"))
        }
    }

    @Test func anImageThatCannotBeHadWholeIsNotRun() async throws {
        var tar = TinyTar.motd()
        tar.file(Array("caf".utf8) + [0xe9], [1])
        try await withWorkplace([try TinyLayer(tar)]) { place, _ in
            let result = try await record(place, "-q", running: "x")
            #expect(result.status == 8 && result.errors.contains("is left out of the profile: "))
            #expect(result.errors.hasSuffix("a layer is left out, so the image cannot be run as it is\n"))
        }
    }

    @Test func aSignalEndsAWorkloadThatWaitsForIt() async throws {
        try await withProbe { place in
            let result = try await place.shell(
                """
                "$esgz" profile record "$source" --tmp-dir "$tmp" --wait-on-signal -- \
                    /probe stop-on 15 open /conf print ready sleep 60 >out 2>log &
                for ((i = 0; i < 200; i++)); do grep -q ^ready log && break; sleep 0.05; done
                kill -INT $!; wait $!; status=$?; cat out; exit $status
                """)
            #expect(result.status == 0, "\(result)")
            #expect(result.output.split(separator: "\n").count == 2)
            try await expectNothingLeft(place)
        }
    }

    @Test func aKilledRunTakesTheWorkloadWithItAndTheNextOneItsFiles() async throws {
        try await withProbe { place in
            let result = try await place.shell(
                """
                "$esgz" profile record "$source" --tmp-dir "$tmp" --wait-on-signal -- \
                    /probe fork x print killed-run sleep 60 2>log &
                for ((i = 0; i < 200; i++)); do grep -q killed-run log && break; sleep 0.05; done
                basename "$tmp"/esgz-run-* >runs
                kill -KILL $!; wait $!
                """)
            #expect(result.status == 137, "\(result)")
            for _ in 0..<100 where try processes(saying: "killed-run") > 0 {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try processes(saying: "killed-run") == 0)
            #expect(try await record(place, running: "open /conf").status == 0)
            try await expectNothingLeft(place)
        }
    }

    /// How many probes have a word on their command line.
    private func processes(saying word: String) throws -> Int {
        try entries(of: "/proc").count { name in
            guard Int(name) != nil,
                let file = try? FileDescriptor.open(FilePath("/proc/\(name)/cmdline"), .readOnly)
            else { return false }
            defer { try? file.close() }
            var bytes = [UInt8](repeating: 0, count: 4096)
            // It may have ended in between.
            let count = (try? bytes.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
            let words = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\0")
            return words.first == "/probe" && words.contains { $0 == word }
        }
    }

    private func entries(of directory: String) throws -> [String] {
        guard let stream = opendir(directory) else { throw Errno(rawValue: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    @Test func theWorkloadReadsStandardInputIfItMay() async throws {
        try await withProbe { place in
            let command = #""$esgz" profile record "$source" --tmp-dir "$tmp""#
            let reading = try await place.shell("echo typed | \(command) -i -- /probe read typed open /conf")
            #expect(reading.status == 0, "\(reading)")
            let nothing = try await place.shell("echo typed | \(command) -- /probe read typed")
            #expect(nothing.status == 8)
            let taken = try await place.shell("\(command.replacing("$source", with: "oci-archive:-")) -i </dev/null")
            #expect(taken.status == 2 && taken.errors.contains("so the workload cannot read it with -i"))
            let none = try await place.shell("\(command) -t -i -- /probe terminal </dev/null")
            #expect(none.status == 2 && none.errors == "error: --terminal: standard input is not a terminal\n")
        }
    }

    @Test(.enabled(if: Command.isExpected("script"), "script is not installed"))
    func theWorkloadHasATerminalIfItIsToHaveOne() async throws {
        try await withProbe { place in
            let result = try await place.shell(
                #"script -qec '"$esgz" profile record "$source" --tmp-dir "$tmp" -t -i --record-out profile -- /probe terminal environment TERM=xterm print seen open /conf; stty -a' /dev/null"#
            )
            #expect(result.status == 0, "\(result)")
            #expect(result.output.contains("seen\r\n"))
            // As it was before.
            #expect(result.output.contains(" icanon ") && result.output.contains(" echo "), "\(result.output)")
        }
    }

    @Test func variablesComeFromAFile() async throws {
        try await withProbe { place in
            try write(Array("# ours\n\nA=file\nB=file with = and spaces\n".utf8), to: place.directory.appending("vars"))
            let result = try await record(
                place, "--env-file", "vars", "--env", "A=option", "--user", "7:8", "--cwd", "/work", "--add-hosts",
                "db:10.0.0.1", running: "environment A=option unset C user 7:8 in /work holds /etc/hosts db")
            #expect(result.status == 0, "\(result.errors)")
        }
    }

    /// Debian's crun refuses machines with both kinds of control groups.
    @Test(.enabled(if: Command.isExpected("crun"), "crun is not installed"))
    func crunServesAsWell() async throws {
        try await withProbe { place in
            let result = try await place.shell(
                """
                unshare -m bash -c 'umount /sys/fs/cgroup/unified 2>/dev/null
                    "$esgz" profile record "$source" --tmp-dir "$tmp" --runtime crun -- \
                    /probe open /conf user 0:0 in / missing /dev/kmsg holds /proc/net/dev lo'
                """)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.split(separator: "\n").count == 2)
            let failed = try await place.shell(
                """
                unshare -m bash -c 'umount /sys/fs/cgroup/unified 2>/dev/null
                    "$esgz" profile record "$source" --tmp-dir "$tmp" --runtime crun -- /nothing'
                """)
            #expect(failed.status == 8 && failed.errors.split(separator: "error: ").count == 2)
            let unstarted = try await record(place, "-q", running: "x", program: "/nothing")
            #expect(unstarted.status == 8 && unstarted.errors.hasPrefix("error: "), "\(unstarted.errors)")
            #expect(unstarted.errors.split(separator: "unable to start").count == 2)
            #expect(!unstarted.errors.contains("run failed"))
            #expect(
                failed.errors.contains("error: ") && failed.errors.contains("the workload did not start: crun: "),
                "\(failed.errors)")
            try await expectNothingLeft(place)
        }
    }
}
