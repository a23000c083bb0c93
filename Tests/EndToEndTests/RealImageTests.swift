import Foundation
import SystemPackage
import TestSupport
import Testing

/// The program on a real image, against the real tools.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct RealImageTests {
    @Test(.enabled(if: Command.isExpected("umoci") && Command.isExpected("go")))
    func aLayoutIsConvertedToAnEqualTreeThatTheReferenceReaderAccepts() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let result = directory.appending("result")
            let digest = try await convert(["oci:\(source):latest", "oci:\(result):esgz"])
            #expect(digest.hasPrefix("sha256:"))
            try await expectReferenceReaderAccepts(result, tag: "esgz")
            try await expectEqualTrees("\(source):latest", "\(result):esgz", in: directory)
            for blob in try FileManager.default.contentsOfDirectory(atPath: "\(result)/blobs/sha256") {
                let head = try Data(contentsOf: URL(filePath: "\(result)/blobs/sha256/\(blob)")).prefix(2)
                guard head.elementsEqual([0x1f, 0x8b]) else { continue }
                #expect(try await Command.run("sh", ["-c", "gzip -t < \(result)/blobs/sha256/\(blob)"]).status == 0)
                #expect(try await Command.run("bsdtar", ["-tf", "\(result)/blobs/sha256/\(blob)"]).status == 0)
            }
            let copy = try await Command.run(
                "skopeo", ["copy", "oci:\(result):esgz", "oci:\(directory.appending("copy")):esgz"])
            #expect(copy.status == 0, "\(copy.errors)")
        }
    }

    @Test func bytesDependNeitherOnThreadsNorOnJobs() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            var digests: Set<String> = []
            for (threads, jobs) in [(1, 1), (2, 4), (3, 2), (16, 8)] {
                digests.insert(
                    try await convert([
                        "--threads", "\(threads)", "--jobs", "\(jobs)", "oci:\(source):latest",
                        "oci:\(directory.appending("\(threads)")):x",
                    ]))
            }
            #expect(digests.count == 1)
        }
    }

    @Test func convertingTheResultAgainGivesTheSameImage() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let once = try await convert(["oci:\(source):latest", "oci:\(directory):once"])
            let twice = try await convert(["oci:\(directory):once", "oci:\(directory):twice"])
            #expect(once == twice)
        }
    }

    /// The tar is what counts, however it was compressed. (The twins are made of a converted image, since skopeo 1.9
    /// loses the padding that tar programs leave behind the end of an archive when it writes zstd:chunked.)
    @Test(
        .enabled(if: Command.isExpected("skopeo")),
        arguments: [
            ["--dest-compress", "--dest-compress-format", "zstd"],
            ["--dest-compress", "--dest-compress-format", "zstd:chunked"],
        ])
    func anotherCompressionOfTheSameImageGivesTheSameImage(_ options: [String]) async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let converted = directory.appending("converted")
            let twin = directory.appending("twin")
            let expected = try await convert(["oci:\(source):latest", "oci:\(converted):x"])
            let copy = try await Command.run(
                "skopeo", ["copy"] + options + ["oci:\(converted):x", "oci:\(twin):x"])
            try #require(copy.status == 0, "\(copy.errors)")
            let before = try await layers(of: twin, tag: "x").compactMap { $0["mediaType"] as? String }
            #expect(!before.contains("application/vnd.oci.image.layer.v1.tar+gzip"))
            #expect(try await convert(["oci:\(twin):x", "oci:\(directory.appending("again")):x"]) == expected)
        }
    }

    @Test(.enabled(if: LocalRegistry.isExpected), arguments: [false, true])
    func layoutToRegistryToRegistryAndBackMovesTheSameBytes(demandsPassword: Bool) async throws {
        let source = try await Fixture.debian.path
        let user = demandsPassword ? (name: "someone", password: "secret: with/odd@signs") : nil
        try await withRegistry(user: user) { registry, directory in
            let configuration = directory.appending("docker")
            let token = Data("someone:secret: with/odd@signs".utf8).base64EncodedString()
            try write(
                Array(#"{"auths":{"\#(registry.name)":{"auth":"\#(token)"}}}"#.utf8),
                to: configuration.appending("config.json"))
            let environment = ["DOCKER_CONFIG": demandsPassword ? configuration.string : directory.string]

            let direct = try await convert(["oci:\(source):latest", "oci:\(directory.appending("direct")):x"])
            let pushed = try await convert(
                ["oci:\(source):latest", "\(registry.name)/one:x"], environment: environment)
            let moved = try await convert(
                ["docker://\(registry.name)/one:x", "\(registry.name)/two/deep:y"], environment: environment)
            let back = try await convert(
                ["\(registry.name)/two/deep:y", "oci:\(directory.appending("back")):x"], environment: environment)
            #expect(Set([direct, pushed, moved, back]).count == 1)

            guard demandsPassword else { return }
            let denied = try await Command.run(
                Command.esgz, ["convert", "\(registry.name)/one:x", "oci:\(directory.appending("no")):x"],
                environment: ["DOCKER_CONFIG": directory.string])
            #expect(denied.status == 4)
            #expect(!denied.errors.contains("secret"))
        }
    }

    @Test(.enabled(if: LocalRegistry.isExpected && Command.isExpected("skopeo")))
    func aDockerImageBecomesAnOCIImage() async throws {
        let source = try await Fixture.debian.path
        try await withRegistry { registry, directory in
            let copy = try await Command.run(
                "skopeo",
                [
                    "copy", "--dest-tls-verify=false", "--format", "v2s2", "oci:\(source):latest",
                    "docker://\(registry.name)/docker:x",
                ])
            try #require(copy.status == 0, "\(copy.errors)")
            _ = try await convert(["\(registry.name)/docker:x", "oci:\(directory.appending("result")):x"])
            try await expectReferenceReaderAccepts(directory.appending("result"), tag: "x")

            let kept = try await Command.run(
                Command.esgz,
                ["convert", "--keep-docker-types", "\(registry.name)/docker:x", "\(registry.name)/docker:kept"])
            #expect(kept.status == 0)
            #expect(kept.errors.contains("warning: Docker media types are kept"))
            let manifest = try await Command.run(
                "skopeo", ["inspect", "--raw", "--tls-verify=false", "docker://\(registry.name)/docker:kept"])
            #expect(manifest.output.contains("application/vnd.docker.image.rootfs.diff.tar.gzip"))
            #expect(!manifest.output.contains("application/vnd.oci."))
        }
    }
}
