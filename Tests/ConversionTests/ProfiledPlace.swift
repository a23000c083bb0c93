import Archive
import Content
import Conversion
import EStargz
import OCI
import Profiles
import SystemPackage
import TestSupport
import Testing
import Transports

/// A layout with an image, or an index of several, and where they are converted to.
struct ProfiledPlace {
    let directory: FilePath
    let images: [Descriptor]

    @discardableResult
    func convert(
        _ profiler: (any Profiler)?, to name: String = "result", from origin: String = "source",
        _ edit: (inout ConversionRequest) -> Void = { _ in },
        events: @escaping @Sendable (ConversionEvent) -> Void = { _ in }
    ) async throws -> ConversionReport {
        let source = ImageLocation.layout(directory.appending(origin), tag: "latest")
        let destination = ImageLocation.layout(directory.appending(name), tag: "latest")
        let transport = TransportOptions(
            temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
        var request = ConversionRequest(layers: LayerOptions(temporaryDirectory: directory, workers: 2))
        request.profiler = profiler
        edit(&request)
        let report = try await Converter(
            request, from: try source.openSource(transport),
            to: [Destination(destination, try destination.openDestination(transport))], events: events
        ).run()
        for delivery in report.deliveries { if let failure = delivery.failure { throw failure } }
        return report
    }

    /// The layers of one of the images that a conversion left.
    func layers(of position: Int = 0, in name: String = "result") throws -> [PlacedLayer] {
        let index = try JSON(parsing: try FileSlice(opening: directory.appending("\(name)/index.json")).bytes())
        var manifest = try document(try #require(index["manifests"]?.array?.first), in: name)
        if let images = manifest["manifests"]?.array { manifest = try document(images[position], in: name) }
        return try (manifest["layers"]?.array ?? []).map { PlacedLayer(bytes: try blob($0, in: name)) }
    }

    private func document(_ descriptor: JSON, in name: String) throws -> JSON {
        try JSON(parsing: try blob(descriptor, in: name))
    }

    private func blob(_ descriptor: JSON, in name: String) throws -> [UInt8] {
        let digest = try Digest(parsing: try #require(descriptor["digest"]?.string))
        return try FileSlice(opening: directory.appending("\(name)/blobs/sha256/\(digest.hex)")).bytes()
    }
}

struct PlacedLayer: Hashable {
    static let landmark = ".prefetch.landmark"
    static let noLandmark = ".no.prefetch.landmark"

    let bytes: [UInt8]

    /// Cleaned names in their order.
    var names: [String] {
        get throws { try EStargzBlob(bytes).names.map { EntryPath($0).description } }
    }

    /// What stands before the landmark; empty for a layer with the other one.
    var prefetched: [String] {
        get throws {
            let names = try names
            return names.first == Self.noLandmark ? [] : Array(names.prefix { $0 != Self.landmark })
        }
    }
}

/// Makes an image of each list of layers; an index of them when there are several.
func withImages<Result>(
    _ images: [[Tar]], _ body: (ProfiledPlace) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { directory in
        var layout = try LayoutBuilder(at: directory.appending("source"))
        let platforms = ["amd64", "arm64"].map { Platform(os: "linux", architecture: $0) }
        let descriptors = try images.enumerated().map { position, tars in
            try layout.putImage(
                try tars.map { try BuiltTestLayer(gzip: $0.bytes) }, platform: platforms[position])
        }
        try layout.tag(descriptors.count == 1 ? descriptors[0] : try layout.putIndex(descriptors))
        return try await body(ProfiledPlace(directory: directory, images: descriptors))
    }
}
