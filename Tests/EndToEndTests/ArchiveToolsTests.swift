import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// Archives that other tools write are read, and they read what `esgz` writes; with engines as well.
@Suite(
    .enabled(
        if: ["skopeo", "umoci", "podman", "buildah"].allSatisfy { Command.isExpected($0) }),
    .serialized, .timeLimit(.minutes(10)))
struct ArchiveToolsTests {
    private static let motd = "welcome\n"

    /// How each tool makes `image.tar` of the layout `source`.
    @Test(arguments: [
        ("oci-archive", "skopeo copy -q oci:source:latest oci-archive:image.tar:reg.test/app:1"),
        ("docker-archive", "skopeo copy -q oci:source:latest docker-archive:image.tar:reg.test/app:1"),
        ("oci-archive", "$load && $podman save -q --format oci-archive -o image.tar reg.test/app:1"),
        ("docker-archive", "$load && $podman save -q --format docker-archive -o image.tar reg.test/app:1"),
        (
            "docker-archive",
            "$load && $podman tag reg.test/app:1 reg.test/b:2 && $podman save -q -m reg.test/app:1 "
                + "reg.test/b:2 > image.tar"
        ),
        ("oci-archive", "$buildah push -q $($buildah pull -q oci:source:latest) oci-archive:image.tar:reg.test/app:1"),
        (
            "docker-archive",
            "$buildah push -q $($buildah pull -q oci:source:latest) docker-archive:image.tar:reg.test/app:1"
        ),
        ("oci-archive", "tar -C source -cf image.tar ."), ("oci-archive", "tar -C source -czf image.tar ."),
    ])
    func whatOthersWriteIsRead(transport: String, script: String) async throws {
        try await withTools { tools in
            try await tools.run(script)
            let expected = try await tools.run("$esgz convert -q oci:source:latest oci:expected:x")
            let isLayout = script.hasPrefix("tar")
            let found = try await tools.run(
                "$esgz convert -q \(transport):image.tar\(isLayout ? ":latest" : "") oci:result:x")
            if isLayout {
                #expect(found == expected)
            } else {
                // Tools write the manifest anew, so only the layers are the same.
                #expect(
                    try await tools.run("skopeo inspect --format '{{.Layers}}' oci:result:x")
                        == tools.run("skopeo inspect --format '{{.Layers}}' oci:expected:x"))
            }
            #expect(try await tools.motd(in: "result:x") == Self.motd)
        }
    }

    /// How each tool reads `image.tar`, an archive of the name `reg.test/app:1`, and what then has the file.
    @Test(arguments: [
        ("oci-archive", "skopeo copy -q oci-archive:image.tar:reg.test/app:1 oci:back:x"),
        ("oci-archive", "mkdir back && tar -C back -xf image.tar && umoci tag --image back:reg.test/app:1 x"),
        ("docker-archive", "skopeo copy -q docker-archive:image.tar:reg.test/app:1 oci:back:x"),
        ("docker-archive", "skopeo copy -q oci-archive:image.tar oci:back:x"),
        ("oci-archive", "$podman load -q -i image.tar && $podman push -q reg.test/app:1 oci:back:x"),
        ("docker-archive", "$podman load -q -i image.tar && $podman push -q reg.test/app:1 oci:back:x"),
        ("docker-archive", "$podman load -q < image.tar && $podman push -q reg.test/app:1 oci:back:x"),
        ("docker-archive", "$podman pull -q docker-archive:image.tar && $podman push -q reg.test/app:1 oci:back:x"),
        ("oci-archive", "$buildah push -q $($buildah pull -q oci-archive:image.tar) oci:back:x"),
        ("docker-archive", "$buildah push -q $($buildah pull -q docker-archive:image.tar) oci:back:x"),
    ])
    func othersReadWhatIsWritten(transport: String, script: String) async throws {
        try await withTools { tools in
            for command in ["copy", "convert"] {
                try await tools.run("$esgz \(command) -q oci:source:latest \(transport):image.tar:reg.test/app:1")
                try await tools.run("rm -rf back; \(script)")
                #expect(try await tools.motd(in: "back:x") == Self.motd)
            }
        }
    }

    @Test func anEngineIsASourceAndADestination() async throws {
        try await withTools { tools in
            // A socket's path has at most 107 bytes; that of the temporary directory is short.
            let output = try await tools.run(
                """
                $load
                $podman system service --time 0 unix://$PWD/engine.sock 2>engine.log & engine=$!
                trap 'kill $engine; wait $engine || true' EXIT
                until [ -S engine.sock ]; do kill -0 $engine; done
                export DOCKER_HOST=unix://$PWD/engine.sock
                $esgz convert -q docker-daemon:reg.test/app:1 docker-daemon:reg.test/new:2 oci:back:x
                $podman images --format '{{.Repository}}:{{.Tag}} {{.Digest}}' | grep reg.test/new
                $podman push -q reg.test/new:2 oci:pushed:x
                $esgz copy -q docker-daemon:reg.test/none:1 oci:none:x 2>&1 || echo "status $?"
                $esgz copy -q --no-clobber oci:source:latest docker-daemon:reg.test/new:2 2>&1 || echo "status $?"
                """)
            let lines = output.split(separator: "\n")
            try #require(lines.count == 6, "\(output)")
            #expect(lines[1] == "reg.test/new:2 \(lines[0])")
            #expect(lines[3] == "status 3", "\(output)")
            #expect(lines[4].contains("refusing to replace 'reg.test/new:2'"))
            #expect(lines[5] == "status 7")
            for layout in ["back", "pushed"] { #expect(try await tools.motd(in: "\(layout):x") == Self.motd) }
        }
    }

    @Test(arguments: ["reg.test/app:1", "docker.io/library/app:1", "localhost/app:1"])
    func anImageGoesThroughPipesOfPodmanWithItsName(name: String) async throws {
        try await withTools { tools in
            let output = try await tools.run(
                """
                $load
                $podman tag reg.test/app:1 \(name)
                for form in docker-archive oci-archive; do
                    $podman save -q --format $form \(name) | $esgz convert -q $form:- $form:- | $podman load -q
                    $podman save -q --format $form \(name) | $esgz copy -q $form:- $form:-:\(name) --additional-tag 2 |
                        { [ $form = oci-archive ] && cat >/dev/null || $podman load -q; }
                done
                $podman push -q \(name) oci:back:x
                """)
            // Twice with one name, and once with two.
            #expect(output.split(separator: "\n").filter { $0 == "Loaded image: \(name)" }.count == 3, "\(output)")
            #expect(output.contains("Loaded image: \(name.dropLast())2"))
            #expect(try await tools.motd(in: "back:x") == Self.motd)
        }
    }

    @Test(.enabled(if: getuid() == 0 && Command.isExpected("ctr") && LocalRegistry.isExpected))
    func containerdExportsAndImportsThroughPipes() async throws {
        try await withTools { tools in
            try await tools.run("$esgz copy -q oci:source:latest oci-archive:in.tar:docker.io/library/app:1")
            let expected = try await tools.run("$esgz convert -q oci:source:latest oci:expected:x")
            let images = try await tools.containerd(
                """
                $CTR image import --no-unpack in.tar >&2
                $CTR image export - docker.io/library/app:1 | $esgz convert -q oci-archive:- oci-archive:- |
                    $CTR image import --no-unpack - >&2
                $esgz convert -q oci:source:latest docker-archive:-:other:2 | $CTR image import --no-unpack - >&2
                $CTR image ls
                """)
            for name in ["docker.io/library/app:1", "docker.io/library/other:2"] {
                let line = try #require(images.split(separator: "\n").first { $0.hasPrefix(name) })
                #expect(line.contains(expected.dropLast()))
            }
        }
    }

    /// What containerd exports names both platforms, and has the blobs of one.
    @Test(.enabled(if: getuid() == 0 && Command.isExpected("ctr") && LocalRegistry.isExpected))
    func anImagePulledForOnePlatformIsConvertedForThat() async throws {
        try await withTools { tools in
            try await withRegistry { registry, _ in
                try await tools.run("$esgz copy -q oci:source:both docker://\(registry.name)/app:1")
                let errors = try await tools.containerd(
                    """
                    $CTR content fetch --plain-http --platform linux/amd64 \(registry.name)/app:1 >&2
                    $CTR image export one.tar \(registry.name)/app:1
                    $esgz convert -q oci-archive:one.tar oci:one:x 2>&1 >/dev/null
                    $esgz convert -q docker-archive:one.tar oci:docker:x >/dev/null 2>&1
                    $esgz copy -q --platform linux/amd64 oci-archive:one.tar oci:copy:x >/dev/null
                    """)
                #expect(errors.contains("warning: left out") && errors.contains("linux/arm64"))
                #expect(try await tools.motd(in: "one:x") == Self.motd)
            }
        }
    }

    private func withTools(_ body: (ArchiveTools) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let tar = Tar {
                TestSupport.directory("etc")
                file("etc/motd", Self.motd)
            }
            let layer = try BuiltTestLayer(gzip: tar.bytes)
            try layout.tag(try layout.putImage([layer]))
            let platforms = try ["amd64", "arm64"].map { architecture in
                var image = try layout.putImage(
                    [layer, try BuiltTestLayer(gzip: Tar { file(architecture) }.bytes)],
                    platform: Platform(os: "linux", architecture: architecture))
                image.json["platform"] = .object(JSON.Object())
                image.json["platform"]?["os"] = "linux"
                image.json["platform"]?["architecture"] = .string(architecture)
                return image
            }
            try layout.tag(try layout.putIndex(platforms), as: "both")
            try await body(ArchiveTools(directory: directory))
        }
    }
}

/// Foreign programs with stores of their own, in one directory.
private struct ArchiveTools {
    let directory: FilePath

    /// Runs a script of the shell, and returns what it prints.
    @discardableResult
    func run(_ script: String) async throws -> String {
        try await run("bash", ["-euo", "pipefail", "-c", script], script)
    }

    /// Runs a script of the shell beside a containerd.
    func containerd(_ script: String) async throws -> String {
        let program = Command.repository.appending("Tests/EndToEndTests/with-containerd").string
        return try await run(program, [script], script)
    }

    private func run(_ program: String, _ arguments: [String], _ script: String) async throws -> String {
        let store = "--root \(directory)/store --runroot \(directory)/run --storage-driver vfs"
        let podman = "podman --runtime runc \(store)"
        let result = try await Command.run(
            program, arguments,
            environment: [
                "esgz": Command.esgz, "podman": podman, "buildah": "buildah \(store)", "TMPDIR": directory.string,
                "load": "eval \(podman) tag $(\(podman) pull -q oci:source:latest) reg.test/app:1",
            ], in: directory)
        try #require(result.status == 0, "\(script): \(result.errors)\(result.output)")
        return result.output
    }

    /// The file that all test images hold.
    func motd(in image: String) async throws -> String {
        try await run(
            "rm -rf unpacked && umoci unpack --image \(image) unpacked >/dev/null 2>&1 && cat unpacked/rootfs/etc/motd")
    }
}
