import Content
import Conversion
import EStargz
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Archives often name platforms that were not pulled: what is there is converted.
struct AbsentPlatformTests {
    private static let architectures = ["amd64", "arm64", "s390x"]

    /// Which blob of the image for arm64 is missing.
    @Test(arguments: ["manifest", "config", "layer"])
    func aPlatformThatTheSourceDoesNotHaveIsLeftOutWithAWarning(missing: String) async throws {
        try await withImage { directory, images in
            try lose(missing, of: images[1], in: directory)
            let report = try await convert(directory)
            #expect(report.warnings.filter { $0.contains("linux/arm64") }.count == 1)
            let result = try #require(report.result)
            let layout = directory.appending("result/blobs/sha256")
            let index = try Index(
                Document(parsing: try FileSlice(opening: layout.appending(result.digest.hex)).bytes()), as: .ociIndex)
            #expect(
                index.manifests.filter { !$0.isAttestation }.map { $0.platform?.architecture } == ["amd64", "s390x"])
            // The attestation of the platform that was left out went with it.
            #expect(index.manifests.filter(\.isAttestation).count == 2)
        }
    }

    @Test func aPlatformThatTheSourceDoesNotHaveIsAnErrorWhenStrict() async throws {
        try await withImage { directory, images in
            try lose("layer", of: images[1], in: directory)
            let failure = await #expect(throws: ImageTreeFailure.self) {
                try await convert(directory) { $0.isStrict = true }
            }
            #expect(failure?.kind == .notFound)
        }
    }

    @Test func aPlatformThatWasAskedForHasToBeThere() async throws {
        try await withImage { directory, images in
            try lose("manifest", of: images[1], in: directory)
            let arm = try Platform(parsing: "linux/arm64")
            #expect(await failureKind { try await convert(directory) { $0.platforms = [arm] } } == .notFound)
            let amd = try Platform(parsing: "linux/amd64")
            let mips = try Platform(parsing: "linux/mips")
            #expect(await failureKind { try await convert(directory) { $0.platforms = [amd, mips] } } == .notFound)
            #expect(try await convert(directory) { $0.platforms = [amd] }.warnings == [])
        }
    }

    @Test func anImageOfWhichNothingIsThereIsAnError() async throws {
        try await withImage { directory, images in
            for image in images { try lose("manifest", of: image, in: directory) }
            #expect(await failureKind { try await convert(directory) } == .notFound)
            #expect(try !names(below: directory).contains("result"))
        }
    }

    @Test func anAttestationThatIsNotThereIsLeftOut() async throws {
        try await withImage { directory, images in
            let index = try Index(
                Document(
                    parsing: try FileSlice(
                        opening: blob(try root(directory), in: directory)
                    ).bytes()), as: .ociIndex)
            for attestation in index.manifests where attestation.isAttestation {
                unlink(blob(attestation.digest, in: directory).string)
            }
            #expect(try await convert(directory).warnings == [])
        }
    }

    private func lose(_ part: String, of image: Descriptor, in directory: FilePath) throws {
        let manifest = try Manifest(
            Document(parsing: try FileSlice(opening: blob(image.digest, in: directory)).bytes()), as: .ociManifest)
        let digest =
            switch part {
            case "manifest": image.digest
            case "config": manifest.configuration.digest
            default: try #require(manifest.layers.last).digest
            }
        #expect(unlink(blob(digest, in: directory).string) == 0)
    }

    private func blob(_ digest: Digest, in directory: FilePath) -> FilePath {
        directory.appending("source/blobs/sha256").appending(digest.hex)
    }

    private func root(_ directory: FilePath) throws -> Digest {
        let index = try JSON(parsing: try FileSlice(opening: directory.appending("source/index.json")).bytes())
        return try Digest(parsing: try #require(index["manifests"]?.array?.first?["digest"]?.string))
    }

    /// Runs `body` with an index for three platforms, each with an attestation.
    private func withImage(_ body: (FilePath, [Descriptor]) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            var images: [Descriptor] = []
            var attestations: [Descriptor] = []
            for name in Self.architectures {
                let platform = Platform(os: "linux", architecture: name)
                var image = try layout.putImage(
                    [try BuiltTestLayer(gzip: Tar { file("etc/motd", name) }.bytes)], platform: platform)
                image.json["platform"] = .object(JSON.Object())
                image.json["platform"]?["os"] = "linux"
                image.json["platform"]?["architecture"] = .string(name)
                images.append(image)
                let statement = BuiltTestLayer(
                    Array(name.utf8), diffID: Digest(of: []), type: MediaType("application/vnd.in-toto+json"))
                var attestation = try layout.putImage([statement])
                attestation.editAnnotations { annotations in
                    annotations[Annotation.referenceType] = "attestation-manifest"
                    annotations[Annotation.attestedDigest] = .string(image.digest.description)
                }
                attestations.append(attestation)
            }
            try layout.tag(try layout.putIndex(images + attestations))
            try await body(directory, images)
        }
    }

    @discardableResult
    private func convert(
        _ directory: FilePath, _ edit: (inout ConversionRequest) -> Void = { _ in }
    ) async throws -> ConversionReport {
        let source = ImageLocation.layout(directory.appending("source"), tag: "latest")
        let destination = ImageLocation.layout(directory.appending("result"), tag: "latest")
        let transport = TransportOptions(temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
        var request = ConversionRequest(layers: LayerOptions(temporaryDirectory: directory, workers: 1))
        edit(&request)
        return try await Converter(
            request, from: try source.openSource(transport),
            to: [Destination(destination, try destination.openDestination(transport))], events: { _ in }
        ).run()
    }
}
