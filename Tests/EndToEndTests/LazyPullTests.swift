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

    @Test(.enabled(if: Command.isExpected("podman") && Command.isExpected("debootstrap")))
    func podmanRunsItFromAStargzStore() async throws {
        let source = try await Fixture.science.path
        let store = try await Fixture.store.path
        try await withRegistry { registry, directory in
            let image = "\(registry.name)/science:esgz"
            _ = try await convert(["oci:\(source):latest", image])
            let plain = "\(registry.name)/science:plain"
            let copy = try await Command.run(Command.esgz, ["copy", "-q", "oci:\(source):latest", plain])
            try #require(copy.status == 0, "\(copy.errors)")
            let layerCount = try await layers(of: source, tag: "latest").count

            for (image, lazyCount, stored) in [(image, layerCount, 0...1000), (plain, 0, 100_000...1_000_000)] {
                let run = try await Command.run(
                    Command.repository.appending("Tests/EndToEndTests/lazy-podman").string,
                    [image, "--", "python3", "/usr/local/bin/report"], environment: ["ESGZ_STORE": store.string])
                try #require(run.status == 0, "\(run.errors)")
                #expect(run.output.contains("determinant 10"))
                #expect(run.errors.contains("lazy layers: \(lazyCount) of \(layerCount)\n"))
                let kilobytes = run.errors.split(separator: "\n").first { $0.hasPrefix("stored: ") }
                    .flatMap { Int($0.dropFirst("stored: ".count)) }
                #expect(kilobytes.map(stored.contains) == true, "\(run.errors)")
            }
        }
    }
}
