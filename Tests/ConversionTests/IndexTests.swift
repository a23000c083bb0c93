import Content
import Conversion
import EStargz
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Indexes that are empty, within each other, or many.
struct IndexTests {
    private static let amd64 = Platform(os: "linux", architecture: "amd64")
    private static let arm64 = Platform(os: "linux", architecture: "arm64")

    @Test(arguments: [true, false])
    func anIndexWithoutAnImageHasNothingToConvert(hasAttestation: Bool) async throws {
        try await withLayout { layout in
            var statement = try layout.putImage([])
            statement.editAnnotations { $0[Annotation.referenceType] = "attestation-manifest" }
            try layout.tag(try layout.putIndex(hasAttestation ? [statement] : []))
            let failure = await #expect(throws: ConversionFailure.self) { try await convert(layout.path) }
            #expect(failure?.description.hasPrefix("nothing to convert") == true)
        }
    }

    @Test func aPlatformIsFoundInAnIndexWithinAnother() async throws {
        try await withLayout { layout in
            let indexes = try [Self.amd64, Self.arm64].map { platform in
                try layout.putIndex([try image(for: platform, in: layout)])
            }
            try layout.tag(try layout.putIndex(indexes))
            let result = try #require(try await convert(layout.path) { $0.platforms = [Self.arm64] }.result)
            let inner = try #require(try children(of: result, in: layout.path).first)
            #expect(try children(of: result, in: layout.path).count == 1)
            #expect(try children(of: inner, in: layout.path).map(\.platform) == [Self.arm64])
            let failure = await #expect(throws: ImageTreeFailure.self) {
                try await convert(layout.path) { $0.platforms = [Platform(os: "linux", architecture: "mips")] }
            }
            #expect(failure?.kind == .notFound)
        }
    }

    @Test func indexesThatNameEachOtherManyTimesAreNotReadToTheirEnd() async throws {
        try await withLayout { layout in
            var index = try layout.putIndex([try image(for: Self.amd64, in: layout)])
            for _ in 0..<2 { index = try layout.putIndex(Array(repeating: index, count: 3000)) }
            try layout.tag(index)
            let failure = await failure { try await convert(layout.path) }
            #expect(failure?.kind == .invalid)
            #expect(failure?.description.contains("at most 2000 manifests") == true, "\(String(describing: failure))")
        }
    }

    private func failure(_ body: () async throws -> Void) async -> (any Failure)? {
        do {
            try await body()
            return nil
        } catch {
            return error as? any Failure
        }
    }

    private func image(for platform: Platform, in layout: borrowing LayoutBuilder) throws -> Descriptor {
        var image = try layout.putImage(
            [try BuiltTestLayer(gzip: Tar { file("etc/motd", platform.architecture) }.bytes)], platform: platform)
        image.json["platform"] = .object(JSON.Object())
        image.json["platform"]?["os"] = .string(platform.os)
        image.json["platform"]?["architecture"] = .string(platform.architecture)
        return image
    }

    private func children(of index: Descriptor, in layout: FilePath) throws -> [Descriptor] {
        let bytes = try FileSlice(opening: layout.appending("blobs/sha256").appending(index.digest.hex)).bytes()
        return try Index(Document(parsing: bytes), as: index.mediaType).manifests
    }

    private func withLayout(_ body: (inout LayoutBuilder) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            try await body(&layout)
        }
    }

    /// Converts the image `latest` of a layout to `new` in the same.
    @discardableResult
    private func convert(
        _ layout: FilePath, _ edit: (inout ConversionRequest) -> Void = { _ in }
    ) async throws -> ConversionReport {
        let transport = TransportOptions(
            temporaryDirectory: layout.removingLastComponent(), network: Network(CurlClient(insecure: false)))
        let destination = ImageLocation.layout(layout, tag: "new")
        var request = ConversionRequest(
            layers: LayerOptions(temporaryDirectory: layout.removingLastComponent(), workers: 1))
        edit(&request)
        return try await Converter(
            request, from: try ImageLocation.layout(layout, tag: "latest").openSource(transport),
            to: [Destination(destination, try destination.openDestination(transport))], events: { _ in }
        ).run()
    }
}
