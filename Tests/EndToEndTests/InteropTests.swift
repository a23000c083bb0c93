import Content
import OCI
import SystemPackage
import TestSupport
import Testing

/// Registries and layouts that other tools write are read, and they read what `esgz` writes.
@Suite(
    .enabled(
        if: LocalRegistry.isExpected
            && ["skopeo", "umoci", "podman", "buildah"].allSatisfy { Command.isExpected($0) }),
    .serialized, .timeLimit(.minutes(10)))
struct InteropTests {
    private static let motd = "welcome\n"
    private static let tar = Tar {
        directory("etc")
        file("etc/motd", motd)
    }

    @Test(arguments: [
        "skopeo copy --dest-tls-verify=false oci:$source:latest docker://$registry/app:1",
        "skopeo copy --dest-tls-verify=false --format v2s2 oci:$source:latest docker://$registry/app:1",
        "skopeo copy --dest-compress-format zstd --dest-compress oci:$source:latest oci:$layout:1",
        "$podman pull -q oci:$source:latest && "
            + "$podman push -q --tls-verify=false $($podman images -q) docker://$registry/app:1",
        "$buildah commit -q --tls-verify=false $($buildah from oci:$source:latest) docker://$registry/app:1",
        "$buildah commit -q $($buildah from oci:$source:latest) oci:$layout:1",
        "umoci init --layout $layout && umoci new --image $layout:1 && umoci unpack --image $layout:1 bundle && "
            + "mkdir -p bundle/rootfs/etc && printf 'welcome\\n' > bundle/rootfs/etc/motd && "
            + "umoci repack --image $layout:1 bundle",
    ])
    func whatOthersWriteIsCopiedAsItIsAndConverted(script: String) async throws {
        try await withTools { tools, directory in
            try await tools.run(script)
            let place = script.contains("$registry") ? tools.registry + "/app:1" : "oci:\(tools.layout):1"
            let skopeo = try await tools.run(
                "skopeo inspect --tls-verify=false --format '{{.Digest}}' "
                    + (place.hasPrefix("oci:") ? place : "docker://\(place)"))
            let copy = directory.appending("copy")
            let copied = try await tools.run("$esgz copy -q \(place) oci:\(copy):1")
            #expect(copied == skopeo)
            let converted = directory.appending("converted")
            _ = try await convert([place, "oci:\(converted):1"])
            try await expectReferenceReaderAccepts(converted, tag: "1")
            // Not in the copy: umoci knows neither Docker's types nor zstd.
            #expect(try await tools.motd(in: "\(converted):1") == Self.motd)
        }
    }

    @Test(arguments: ["copy", "convert"])
    func othersReadWhatIsWritten(command: String) async throws {
        try await withTools { tools, directory in
            let digest = try await tools.run(
                "$esgz \(command) -q oci:$source:latest $registry/app:1 oci:$layout:1")
            for place in ["docker://$registry/app:1", "oci:$layout:1"] {
                let inspected = try await tools.run(
                    "skopeo inspect --tls-verify=false --format '{{.Digest}}' \(place)")
                #expect(inspected == digest)
                try await tools.run("skopeo copy --src-tls-verify=false \(place) dir:skopeo")
                let identifier = try await tools.run("$podman pull -q --tls-verify=false \(place)").dropLast()
                let mounted = try await tools.run(
                    "$podman image mount \(identifier)"
                ).dropLast()
                #expect(try await tools.run("cat \(mounted)/etc/motd") == Self.motd)
                let container = try await tools.run("$buildah from --tls-verify=false \(place)").dropLast()
                let root = try await tools.run("$buildah mount \(container)").dropLast()
                #expect(try await tools.run("cat \(root)/etc/motd") == Self.motd)
            }
            #expect(try await tools.motd(in: "\(tools.layout):1") == Self.motd)
        }
    }

    /// All platforms of an image, there and back, and whoever takes one of them.
    @Test func indexesGoToOthersAndComeFromThem() async throws {
        try await withTools { tools, directory in
            var layout = try LayoutBuilder(at: directory.appending("many"))
            let platforms = ["amd64", "arm64"].map { Platform(os: "linux", architecture: $0) }
            let images = try platforms.map { platform in
                var image = try layout.putImage([try BuiltTestLayer(gzip: Self.tar.bytes)], platform: platform)
                image.json["platform"] = .object(JSON.Object())
                image.json["platform"]?["os"] = .string(platform.os)
                image.json["platform"]?["architecture"] = .string(platform.architecture)
                return image
            }
            let index = try layout.putIndex(images)
            try layout.tag(index)

            // Copied by others, it is the same for us.
            try await tools.run("skopeo copy --all --dest-tls-verify=false oci:many:latest docker://$registry/theirs:1")
            try await tools.run("skopeo copy --all oci:many:latest oci-archive:many.tar:1")
            for place in ["$registry/theirs:1", "oci-archive:many.tar:1"] {
                #expect(try await tools.run("$esgz copy -q \(place) oci:back:1") == "\(index.digest)\n", "\(place)")
            }

            // Converted by us, it is for them what it was.
            let digest = try await tools.run("$esgz convert -q oci:many:latest $registry/ours:1 oci:ours:1")
            for place in ["docker://$registry/ours:1", "oci:ours:1"] {
                try await tools.run("skopeo copy --all --src-tls-verify=false \(place) oci:theirs:1")
                #expect(try await tools.run("$esgz copy -q oci:theirs:1 oci:again:1") == digest)
                let identifier = try await tools.run("$podman pull -q --tls-verify=false \(place)").dropLast()
                let mounted = try await tools.run("$podman image mount \(identifier)").dropLast()
                #expect(try await tools.run("cat \(mounted)/etc/motd") == Self.motd)
                let container = try await tools.run("$buildah from --tls-verify=false \(place)").dropLast()
                let root = try await tools.run("$buildah mount \(container)").dropLast()
                #expect(try await tools.run("cat \(root)/etc/motd") == Self.motd)
            }

            // Lists of Docker's kind, and those that Podman puts together.
            try await tools.run(
                "skopeo copy --all --src-tls-verify=false --dest-tls-verify=false --format v2s2 "
                    + "docker://$registry/ours:1 docker://$registry/docker:1")
            try await tools.run(
                """
                $podman manifest create list > /dev/null
                $podman manifest add --tls-verify=false --all list docker://$registry/ours:1 > /dev/null
                $podman manifest push -q --tls-verify=false --all list docker://$registry/podman:1
                """)
            for name in ["docker", "podman"] {
                try await tools.run("$esgz convert -q $registry/\(name):1 oci:\(name):1")
                for platform in platforms {
                    let text = try await tools.run("$esgz cat --platform \(platform) oci:\(name):1 etc/motd")
                    #expect(text == Self.motd, "\(name) \(platform)")
                }
            }
        }
    }

    /// Runs `body` with a registry, a source layout with one image, and stores of the tools' own.
    private func withTools(_ body: (Tools, FilePath) async throws -> Void) async throws {
        try await withRegistry { registry, directory in
            let source = directory.appending("source")
            var layout = try LayoutBuilder(at: source)
            try layout.tag(try layout.putImage([try BuiltTestLayer(gzip: Self.tar.bytes)]))
            let tools = Tools(registry: registry.name, directory: directory)
            try await body(tools, directory)
            try await tools.run("$buildah umount --all && $podman image umount --all --force")
        }
    }
}

/// Foreign programs with places of their own.
private struct Tools {
    let registry: String
    let directory: FilePath

    var layout: FilePath { directory.appending("layout") }

    /// Runs a script of the shell, and returns what it prints.
    @discardableResult
    func run(_ script: String) async throws -> String {
        let store = "--root \(directory)/store --runroot \(directory)/run --storage-driver vfs"
        let result = try await Command.run(
            "bash", ["-euo", "pipefail", "-c", script],
            environment: [
                // Podman makes a name of the path, which has to be in lower case.
                "registry": registry, "source": "source", "layout": "layout",
                "esgz": Command.esgz, "podman": "podman \(store)", "buildah": "buildah \(store)",
            ], in: directory)
        try #require(result.status == 0, "\(script): \(result.errors)\(result.output)")
        return result.output
    }

    /// The file that all test images hold.
    func motd(in image: String) async throws -> String {
        try await run(
            "rm -rf unpacked && umoci unpack --image \(image) unpacked > /dev/null 2>&1 && cat unpacked/rootfs/etc/motd"
        )
    }
}
