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

/// Profiles applied to whole images.
struct ProfileTests {
    private static let amd64 = Platform(os: "linux", architecture: "amd64")
    private static let arm64 = Platform(os: "linux", architecture: "arm64")
    private static let landmark = ".prefetch.landmark"
    private static let noLandmark = ".no.prefetch.landmark"

    /// What stands in front of the landmark in each layer of an image that is made of these, and profiled so.
    private func prefetched(_ tars: [Tar], _ profile: Profile) async throws -> [[String]] {
        try await withImages([tars]) { place in
            try await place.convert(profile)
            return try place.layers().map { try $0.prefetched }
        }
    }

    private func paths(_ paths: String...) -> Profile {
        Profile(paths.map { .init(.path(EntryPath($0))) })
    }

    @Test func theTopmostLayerThatProvidesAPathHasItFirst() async throws {
        let lower = Tar {
            directory("etc"); file("etc/a", "1"); file("etc/b", "1")
        }
        let upper = Tar {
            file("other", "2"); file("etc/b", "2")
        }
        #expect(try await prefetched([lower, upper], paths("/etc/b", "etc/a")) == [["etc", "etc/a"], ["etc/b"]])
    }

    @Test func whatUpperLayersDeletedIsNotPrefetched() async throws {
        let lower = Tar {
            file("a/gone", "1"); file("b/gone", "1"); file("c/d/gone", "1"); file("kept", "1")
        }
        let upper = Tar {
            file("a/.wh.gone"); file("b/.wh..wh..opq"); file(".wh.c")
        }
        let profile = paths("a/gone", "b/gone", "c/d/gone", "kept")
        #expect(try await prefetched([lower, upper], profile) == [["kept"], []])
    }
}

extension ProfileTests {
    /// A layout with an image, or an index of several, and where they are converted to.
    fileprivate struct Place {
        let directory: FilePath
        let images: [Descriptor]

        @discardableResult
        func convert(
            _ profiler: (any Profiler)?, to name: String = "result",
            _ edit: (inout ConversionRequest) -> Void = { _ in }
        ) async throws -> ConversionReport {
            let source = ImageLocation.layout(directory.appending("source"), tag: "latest")
            let destination = ImageLocation.layout(directory.appending(name), tag: "latest")
            let transport = TransportOptions(
                temporaryDirectory: directory, network: Network(CurlClient(insecure: false)))
            var request = ConversionRequest(layers: LayerOptions(temporaryDirectory: directory, workers: 2))
            request.profiler = profiler
            edit(&request)
            let report = try await Converter(
                request, from: try source.openSource(transport),
                to: [Destination(destination, try destination.openDestination(transport))], events: { _ in }
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

    fileprivate struct PlacedLayer: Hashable {
        let bytes: [UInt8]

        /// Cleaned names in their order.
        var names: [String] {
            get throws { try EStargzBlob(bytes).names.map { EntryPath($0).description } }
        }

        /// What stands before the landmark; empty for a layer with the other one.
        var prefetched: [String] {
            get throws {
                let names = try names
                return names.first == noLandmark ? [] : Array(names.prefix { $0 != landmark })
            }
        }
    }

    /// Makes an image of each list of layers; an index of them when there are several.
    fileprivate func withImages<Result>(
        _ images: [[Tar]], _ body: (Place) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let platforms = [Self.amd64, Self.arm64]
            let descriptors = try images.enumerated().map { position, tars in
                try layout.putImage(
                    try tars.map { try BuiltTestLayer(gzip: $0.bytes) }, platform: platforms[position])
            }
            try layout.tag(descriptors.count == 1 ? descriptors[0] : try layout.putIndex(descriptors))
            return try await body(Place(directory: directory, images: descriptors))
        }
    }
}
