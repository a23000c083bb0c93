import Content
import OCI
import SystemPackage
import TestSupport
import Testing

/// The point of it all: the real snapshotter mounts a converted image without pulling it.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct LazyPullTests {
    @Test(.enabled(if: Command.isExpected("ctr-remote") && Command.isExpected("debootstrap")))
    func aConvertedImageRunsBeforeItIsPulled() async throws {
        let source = try await Fixture.science.path
        let snapshotter = try await Fixture.snapshotter.path
        try await withRegistry { registry, directory in
            let copy = try await Command.run(
                "skopeo",
                ["copy", "--dest-tls-verify=false", "oci:\(source):latest", "docker://\(registry.name)/science:source"])
            try #require(copy.status == 0, "\(copy.errors)")
            let image = "\(registry.name)/science:esgz"
            let digest = try await convert(["\(registry.name)/science:source", image])

            let lazy = try await Command.run(
                Command.repository.appending("Tests/EndToEndTests/lazy-pull").string,
                [
                    "--mounts-file", directory.appending("mounts").string, image, "--", "python3",
                    "/usr/local/bin/report",
                ],
                environment: ["ESGZ_SNAPSHOTTER": snapshotter.string])
            try #require(lazy.status == 0, "\(lazy.errors)")
            let layerCount = try await layers(of: source, tag: "latest").count
            #expect(lazy.errors.contains("stargz mounts: \(layerCount)\n"))
            // What the script computes with each library, and what the whiteouts of the top layer have removed.
            for line in [#"json {"removed": false, "replaced": ["new"]}"#, "determinant 10", "mean 2.0"] {
                #expect(lazy.output.contains(line))
            }

            let pulled = directory.appending("pulled")
            let back = try await Command.run(
                "skopeo", ["copy", "--src-tls-verify=false", "docker://\(image)", "oci:\(pulled):x"])
            try #require(back.status == 0, "\(back.errors)")
            let inspected = try await Command.run("skopeo", ["inspect", "--format", "{{.Digest}}", "oci:\(pulled):x"])
            #expect(inspected.output == digest + "\n")
            try await expectReferenceReaderAccepts(pulled, tag: "x")
            try await expectEqualTrees("\(source):latest", "\(pulled):x", in: directory)
        }
    }

    /// An image that was converted, one of which the top layer was not, and one that was not at all.
    @Test(
        .enabled(
            if: Command.isExpected("podman") && Command.isExpected("ctr-remote") && Command.isExpected("debootstrap")))
    func whatIsCalledLazyIsLazyForContainerdAndForPodman() async throws {
        let source = try await Fixture.science.path
        let layerCount = try await layers(of: source, tag: "latest").count
        try await withRegistry { registry, directory in
            let mixed = directory.appending("mixed")
            _ = try await convert(["oci:\(source):latest", "oci:\(mixed):x"])
            let converted = try await push("oci:\(mixed):x", to: "\(registry.name)/science:converted")
            let insert = try await Command.run("umoci", ["insert", "--image", "\(mixed):x", "/etc/hostname", "/added"])
            try #require(insert.status == 0, "\(insert.errors)")
            let images: [(name: String, layers: Int, lazy: Int, verdict: String)] = [
                (converted, layerCount, layerCount, "\n  LAZY\n"),
                (
                    try await push("oci:\(mixed):x", to: "\(registry.name)/science:mixed"), layerCount + 1, layerCount,
                    "\n  NOT LAZY from layer \(layerCount + 1) up: "
                ),
                (
                    try await push("oci:\(source):latest", to: "\(registry.name)/science:plain"), layerCount, 0,
                    "\n  NOT LAZY from layer 1 up: "
                ),
            ]
            for image in images {
                let isLazy = image.lazy == image.layers
                let verdict = try await Command.run(Command.esgz, ["verify", "--quick", image.name])
                #expect(verdict.output.contains(image.verdict), "\(verdict.output) \(verdict.errors)")
                #expect(verdict.status == (isLazy ? 0 : 6))

                let podman = try await run("lazy-podman", image.name)
                try #require(podman.status == 0, "\(podman.errors)")
                #expect(podman.output.contains("determinant 10"))
                #expect(podman.errors.contains("lazy layers: \(image.lazy) of \(image.layers)\n"))
                let kilobytes = podman.errors.split(separator: "\n").first { $0.hasPrefix("stored: ") }
                    .flatMap { Int($0.dropFirst("stored: ".count)) }
                #expect(kilobytes.map { ($0 < 1000) == (image.lazy > 0) } == true, "\(podman.errors)")

                let containerd = try await run("lazy-pull", image.name)
                #expect((containerd.status == 0) == isLazy, "\(containerd.errors)")
                #expect(containerd.errors.contains("downloaded in full") != isLazy)
            }
        }
    }

    /// Two layers, of which one has something in its table that readers refuse, or no table at all. Links in a circle,
    /// for which the Store ends altogether, are left out.
    @Test(
        .enabled(
            if: Command.isExpected("podman") && Command.isExpected("ctr-remote") && Command.isExpected("gcc")
                && LocalRegistry.isExpected),
        arguments: ["nothing", "a link to nothing", "no Base64", "no table"], [0, 1])
    func whatOneConsumerRefusesBothDo(damage: String, layer: Int) async throws {
        guard damage != "nothing" || layer == 0 else { return }
        let probe = try await Probe.shared.isStatic
        let tars = [Tar { file("probe", probe).mode(0o755) }, Tar { file("etc/motd", "hello") }]
        try await withRegistry { registry, directory in
            let path = directory.appending("layout")
            var layout = try LayoutBuilder(at: path)
            var layers: [BuiltTestLayer] = []
            for (position, tar) in tars.enumerated() {
                var pieces = try LayerPieces(try await Layer(tar.bytes).converted())
                if position == layer { pieces.damage(damage) }
                layers.append(
                    position == layer && damage == "no table"
                        ? try BuiltTestLayer(gzip: tar.bytes) : try pieces.layer())
            }
            try layout.tag(try layout.putImage(layers))
            let image = try await push("oci:\(path):latest", to: "\(registry.name)/small:1")

            let isSound = damage == "nothing"
            let verdict = try await Command.run(Command.esgz, ["verify", "--quick", image])
            #expect(
                verdict.output.contains(isSound ? "\n  LAZY\n" : "\n  NOT LAZY from layer \(layer + 1) up: "),
                "\(verdict.output) \(verdict.errors)")
            let program = ["/probe", "open", "/etc/motd", "print", "opened"]
            let podman = try await run("lazy-podman", image, program)
            try #require(podman.status == 0, "\(podman.errors)")
            #expect(podman.output.contains("opened"))
            // Each layer for itself.
            #expect(podman.errors.contains("lazy layers: \(isSound ? 2 : 1) of 2\n"), "\(podman.errors)")
            // That layer and all above.
            let containerd = try await run("lazy-pull", image, program)
            #expect((containerd.status == 0) == isSound, "\(containerd.errors)")
            let pulled = containerd.errors.split(separator: "\n").first { $0.contains("downloaded in full") } ?? ""
            let eager = layers.indices.filter { pulled.contains(layers[$0].descriptor.digest.description) }
            #expect(eager == (isSound ? [] : Array(layer..<2)), "\(containerd.errors)")
        }
    }

    private func push(_ image: String, to place: String) async throws -> String {
        let copy = try await Command.run(Command.esgz, ["copy", "-q", image, place])
        try #require(copy.status == 0, "\(copy.errors)")
        return place
    }

    /// Has one of the scripts beside this file run the image's program.
    private func run(
        _ script: String, _ image: String, _ program: [String] = ["python3", "/usr/local/bin/report"]
    ) async throws -> Command {
        try await Command.run(
            Command.repository.appending("Tests/EndToEndTests/\(script)").string,
            [image, "--"] + program,
            environment: [
                "ESGZ_STORE": try await Fixture.store.path.string,
                "ESGZ_SNAPSHOTTER": try await Fixture.snapshotter.path.string,
            ])
    }
}

extension LayerPieces {
    /// Puts something into the table that readers do not mount.
    fileprivate mutating func damage(_ damage: String) {
        guard !["nothing", "no table"].contains(damage) else { return }
        editEntries { entries in
            var entry = JSON.object(JSON.Object())
            entry["name"] = "broken"
            entry["modtime"] = "1970-01-01T00:00:00Z"
            if damage == "no Base64" {
                entry["type"] = "fifo"
                entry["xattrs"] = .object(JSON.Object())
                entry["xattrs"]?["user.a"] = "*"
            } else {
                entry["type"] = "hardlink"
                entry["linkName"] = "nowhere"
            }
            entries.append(entry)
        }
    }
}
