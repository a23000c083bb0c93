import Content
import SystemPackage
import TestSupport
import Testing

/// Profiles on a real image, with the tool that they come from.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ProfileInteropTests {
    /// What a container of the image does, as `ctr-remote` records it, leads to the same order here and there.
    @Test(.enabled(if: Command.isExpected("ctr-remote") && Command.isExpected("skopeo")))
    func recordsOfCtrRemoteAreReadAndItReadsOurs() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let script = """
                skopeo copy -q oci:\(source):latest oci-archive:app.tar:reg.test/app:1
                $CTR image import --no-unpack app.tar
                remote="ctr-remote ${CTR#ctr}"
                $remote image optimize --oci --period 3 --entrypoint '["/bin/sh","-c"]' \
                    --args '["python3.11 -c pass"]' --record-out theirs.record reg.test/app:1 reg.test/app:recorded
                "$esgz" optimize -q --strict --profile theirs.record --record-out ours.record \
                    oci:\(source):latest oci:ours:x
                $remote image convert --oci --estargz --estargz-record-in ours.record reg.test/app:1 reg.test/app:theirs
                $CTR image export theirs.tar reg.test/app:theirs
                "$esgz" copy -q oci-archive:theirs.tar oci:theirs:x
                """
            let run = try await Command.run(
                Command.repository.appending("Tests/EndToEndTests/with-containerd").string, [script],
                environment: ["esgz": Command.esgz, "TMPDIR": directory.string], in: directory)
            try #require(run.status == 0, "\(run.errors)\(run.output)")

            // Theirs names a file each time that it is opened.
            let records = try ["theirs.record", "ours.record"].map { name in
                String(decoding: try FileSlice(opening: directory.appending(name)).bytes(), as: UTF8.self)
                    .split(separator: "\n").map(String.init)
            }
            var seen: Set<String> = []
            #expect(records[0].filter { seen.insert($0).inserted } == records[1])
            #expect(records[1].contains { $0.hasPrefix(#"{"path":"usr/bin/python3.11","manifestDigest":"sha256:"#) })

            let ours = try await prefetched(directory.appending("ours"))
            #expect(ours == (try await prefetched(directory.appending("theirs"))))
            // The shell lies in the lowest layer, Python in the third, and nothing of the last is needed.
            #expect(!ours[0].isEmpty && !ours[2].isEmpty && ours[3].isEmpty)
            try await expectReferenceReaderAccepts(directory.appending("ours"), tag: "x")
        }
    }

    /// What `strace` sees of a program outside of a container can be put first in an image that has the same files.
    @Test(.enabled(if: Command.isExpected("strace") && Command.isExpected("umoci")))
    func aTraceIsAppliedToAnImageThatStaysTheSame() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let trace = directory.appending("trace").string
            let strace = try await Command.run(
                "strace", ["-f", "-e", "trace=file", "-o", trace, "sh", "-c", "cd /etc && cat passwd"])
            try #require(strace.status == 0, "\(strace.errors)")
            let shown = try await Command.run(Command.esgz, ["profile", "show", trace])
            #expect(shown.output.hasPrefix("format    strace\n"))
            #expect(shown.output.contains("\n/etc/passwd\n"))

            var digests: Set<String> = []
            for (threads, jobs) in [(1, 1), (2, 4)] {
                let run = try await Command.run(
                    Command.esgz,
                    [
                        "optimize", "-q", "--threads", "\(threads)", "--jobs", "\(jobs)", "--profile", trace,
                        "oci:\(source):latest", "oci:\(directory.appending("result")):x",
                    ])
                try #require(run.status == 0, "\(run.errors)")
                digests.insert(run.output)
            }
            #expect(digests.count == 1)
            #expect(try await prefetched(directory.appending("result")).joined().contains("etc/passwd"))
            try await expectReferenceReaderAccepts(directory.appending("result"), tag: "x")
            try await expectEqualTrees(
                "\(source):latest", "\(directory.appending("result")):x", in: directory)
        }
    }

    /// Who unpacks a layer one by one takes away what a whiteout names, also if the layer itself has just put it there.
    @Test(.enabled(if: Command.isExpected("umoci")))
    func whatIsPutFirstOutlivesTheWhiteoutsOfItsLayer() async throws {
        let lower = Tar {
            directory("d"); file("d/x", "old"); file("d/y", "old"); directory("e"); file("e/x", "old")
        }
        let upper = Tar {
            file("rest", "new"); file(".wh.d"); directory("d"); file("d/x", "new")
            directory("e"); file("e/.wh..wh..opq"); file("e/z", "new")
        }
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("image"))
            try layout.tag(try layout.putImage([lower, upper].map { try BuiltTestLayer(gzip: $0.bytes) }), as: "plain")
            try write(Array("/d/x\n/e/z\n".utf8), to: directory.appending("profile"))
            let run = try await Command.run(
                Command.esgz,
                ["optimize", "-q", "--strict", "--profile", "profile", "oci:image:plain", "oci:result:x"], in: directory
            )
            try #require(run.status == 0, "\(run.errors)")
            #expect(try await prefetched(directory.appending("result"))[1].contains("d/x"))
            try await expectEqualTrees(
                "\(directory.appending("image")):plain", "\(directory.appending("result")):x", in: directory)
            let left = try names(below: directory.appending("converted/rootfs"))
            #expect(left.filter { $0.hasPrefix("d") || $0.hasPrefix("e") } == ["d", "d/x", "e", "e/z"])
        }
    }

    /// What lies before the landmark in each layer of an image, in its order.
    private func prefetched(_ layout: FilePath) async throws -> [[String]] {
        try await layers(of: layout, tag: "x").map { layer in
            let hex = try #require(layer["digest"] as? String).dropFirst("sha256:".count)
            let names = try EStargzBlob(FileSlice(opening: layout.appending("blobs/sha256/\(hex)")).bytes()).names
            return names.contains(".prefetch.landmark") ? Array(names.prefix { $0 != ".prefetch.landmark" }) : []
        }
    }
}
