import Content
import Glibc
import Profiles
import Recording
import SystemPackage
import TestSupport
import Testing

/// What a workload opens is what its profile names.
@Suite(.enabled(if: canRecord, "needs root, runc and gcc"))
struct RecordingTests {
    @Test func filesComeInTheOrderOfFirstUse() async throws {
        let image = try await ProbeImage {
            file("etc/passwd", "root:x:0:0::/root:/bin/sh\n"); file("b", "x"); file("a", "x"); directory("d")
            symlink("link", to: "d/../target"); file("target", "x"); file("never", "x")
        }
        try await withTemporaryDirectory { place in
            let words = "open /b open /a missing /nothing open /b directory /d open /link write /new open /new"
            let profile = try await image.record(words, in: place).profile
            // The runtime has read passwd before; the workload has not.
            #expect(profile.paths == ["probe", "b", "a", "target"])
            let origins = profile.entries.map(\.origin)
            #expect(origins.map { $0?.layer } == [0, 1, 1, 1])
            #expect(origins.allSatisfy { $0?.manifest == image.image.manifest })
            try expectNothingLeft(in: place)
        }
    }

    /// The kernel adds to the names of such files, as soon as they are gone.
    @Test func whatIsRemovedAfterItWasOpenedIsRecorded() async throws {
        let names = (0..<10).map { "file\($0)" }
        let image = try await ProbeImage {
            file("other", "x"); for name in names { file(name, "x") }
        }
        try await withTemporaryDirectory { place in
            let words = names.map { "open /\($0) remove /\($0)" }.joined(separator: " ")
            let paths = try await image.record(words, in: place).profile.paths
            #expect(paths == ["probe"] + names)
        }
    }

    @Test func whatTheRuntimeReadsAsWellIsRecordedOnceTheWorkloadDoes() async throws {
        let image = try await ProbeImage { file("etc/passwd", "root:x:0:0::/root:/bin/sh\n") }
        try await withTemporaryDirectory { place in
            let profile = try await image.record("open /etc/passwd", in: place).profile
            #expect(profile.paths == ["probe", "etc/passwd"])
        }
    }

    @Test func programsInterpretersAndScriptsAreExecuted() async throws {
        let probe = try await Probe.shared.isStatic
        let image = try await ProbeImage {
            file("script", "#!/interpreter open").mode(0o755); file("interpreter", probe).mode(0o755)
        }
        try await withTemporaryDirectory { place in
            let profile = try await image.record("execute /script", in: place).profile
            #expect(profile.paths == ["probe", "script", "interpreter"])
        }
    }

    @Test(.enabled(if: Command.isExpected("strace"), "strace is not installed"))
    func aDynamicProgramIsRecordedAsStraceSeesIt() async throws {
        let probe = try await Probe.shared.isDynamic
        let libraries = try await libraries(of: probe)
        let image = try await ProbeImage(program: probe) {
            for (path, bytes) in libraries { file(path, bytes).mode(0o755) }
            file("etc/conf", "x"); symlink("etc/link", to: "/etc/conf"); file("data", "x")
        }
        try await withTemporaryDirectory { place in
            let words = "open /data open /etc/link execute /probe open /etc/conf"
            let profile = try await image.record(words, in: place).profile
            try await image.unpack(into: place.appending("root"))
            let traced = try await Command.run(
                "strace",
                ["-f", "-e", "trace=openat,open,execve", "-o", place.appending("trace").string, "chroot"]
                    + [place.appending("root").string, "/probe"] + words.split(separator: " ").map(String.init))
            #expect(traced.status == 0, "\(traced)")
            let opened = try openedFiles(
                in: text(ofProc: place.appending("trace").string), root: place.appending("root"), after: "/probe")
            // Loaders are opened by the kernel, which strace does not see.
            #expect(profile.paths.filter { !$0.contains("ld-linux") } == opened)
            #expect(profile.paths.count(where: { $0.contains("ld-linux") }) == 1)
        }
    }

    /// The loader and the libraries of a program, from the machine.
    private func libraries(of program: [UInt8]) async throws -> [(String, [UInt8])] {
        try await withTemporaryDirectory { place in
            try write(program, to: place.appending("probe"))
            chmod(place.appending("probe").string, 0o755)
            let listing = try await Command.run("ldd", [place.appending("probe").string])
            let words = listing.output.split { $0.isWhitespace }.map(String.init)
            return try words.filter { $0.hasPrefix("/") }.map { path in
                (String(path.dropFirst()), try FileSlice(opening: FilePath(path)).bytes())
            }
        }
    }

    @Test func theWorkloadFindsWhatItWasPromised() async throws {
        let image = try await ProbeImage(
            #""User":"app:staff","Env":["A=image","B=image"],"WorkingDir":"/work","Entrypoint":["/probe"],"Cmd":["exit","7"]"#
        ) {
            file("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n")
            file("etc/group", "staff:x:50:\nwheel:x:60:app,other\nnone:x:70:\n"); directory("work")
        }
        try await withTemporaryDirectory { place in
            try write(Array("of this machine".utf8), to: place.appending("shared/file"))
            chmod(place.appending("shared/file").string, 0o644)
            _ = try await image.record(
                "environment A=image environment B=mine environment C=mine unset D in /work user 1000:50", in: place
            ) { $0.environment = ["B=mine", "C=mine", "D=x", "D"] }
            await #expect(throws: (any Error).self, "the image's own command ends with status 7") {
                try await image.record("", in: place) { ($0.entrypoint, $0.arguments) = ([], []) }
            }
            _ = try await image.record(
                "user 1000:1001:60 in /elsewhere holds /etc/hosts 10.1.2.3 holds /etc/resolv.conf 9.9.9.9 "
                    + "holds /etc/resolv.conf example.org holds /etc/hostname esgz holds /data/file machine "
                    + "missing /data/new holds /proc/net/dev lo",
                in: place
            ) {
                $0.user = "app"
                $0.workingDirectory = "/elsewhere"
                $0.hosts = [.init(name: "db", address: "10.1.2.3")]
                $0.nameServers = ["9.9.9.9"]
                $0.searchDomains = ["example.org"]
                $0.mounts = [
                    .init(
                        type: "bind", source: place.appending("shared").string, destination: "/data",
                        options: ["ro"])
                ]
            }
            try expectNothingLeft(in: place)
        }
    }

    @Test func whatTheWorkloadWritesChangesNothing() async throws {
        let image = try await ProbeImage {
            file("kept", "as it was"); file("removed", "as it was")
        }
        try await withTemporaryDirectory { place in
            // A runtime that looks at the unpacked image before and after the container.
            let script = """
                #!/bin/bash
                list() { (cd "\(place)"/esgz-run-*/image && find . -printf '%p %s %m %T@\\n' | sort; cat kept removed); }
                list >"\(place)/before"
                runc "$@"
                status=$?
                list >"\(place)/after"
                exit $status
                """
            try write(Array(script.utf8), to: place.appending("runtime"))
            chmod(place.appending("runtime").string, 0o755)
            let words = "write /kept holds /kept written remove /removed missing /removed write /new"
            let profile = try await image.record(words, in: place) {
                $0.runtime = place.appending("runtime").string
            }.profile
            #expect(profile.paths == ["probe", "kept"])
            let before = try text(ofProc: place.appending("before").string)
            #expect(before.contains("./kept 9 644"))
            #expect(before == (try text(ofProc: place.appending("after").string)))
        }
    }
}
