import Archive
import Content
import EStargz
import OCI
import Profiles
import Transports

/// Lays a profile over an image, and tells what would be prefetched; writes nothing.
package struct ProfileCheck: Sendable {
    private let request: ConversionRequest
    private let source: any ImageSource
    private let events: @Sendable (ConversionEvent) -> Void

    /// - Parameters:
    ///   - request: how layers would be written, and of which platforms.
    ///   - source: where the image is.
    ///   - events: called with the progress.
    package init(
        _ request: ConversionRequest, from source: any ImageSource,
        events: @escaping @Sendable (ConversionEvent) -> Void
    ) {
        self.request = request
        self.source = source
        self.events = events
    }

    /// Reads all layers of the image, and compresses those files that would be prefetched.
    ///
    /// - Throws: what keeps the image from being read.
    package func run(_ profiler: any Profiler) async throws -> ProfileCheckReport {
        let selection = ImageTreeReader.Selection(platforms: request.platforms)
        let tree = try await ImageTreeReader(of: source, selection, warn: { events(.warning($0)) }).read()
        // What is missing is part of the report.
        let profiling = ImageProfiling(source: source, request: request, events: events, warn: { _ in })
        let inflated = try await profiling.inflate(tree)
        let writer = LayerWriter(request.layers)
        var images: [ProfileCheckReport.Image] = []
        for image in tree.images {
            let resolution = try await profiling.resolve(image, inflated, with: profiler)
            var layers: [ProfileCheckReport.Layer] = []
            for (layer, priorities) in zip(image.layers, resolution.priorities) {
                let prefetch = try await prefetch(of: inflated[layer.key], first: priorities, with: writer)
                layers.append(
                    ProfileCheckReport.Layer(
                        digest: layer.descriptor.digest, size: layer.descriptor.size, prefetch: prefetch))
            }
            images.append(
                ProfileCheckReport.Image(
                    manifest: image.descriptor.digest, platform: image.configuration.platform,
                    found: resolution.foundCount, missing: resolution.missing.map(\.description), layers: layers))
        }
        return ProfileCheckReport(images: images)
    }

    private func prefetch(
        of layer: InflatedLayer?, first priorities: [EntryPath], with writer: LayerWriter
    ) async throws -> Prefetch {
        guard let layer, !priorities.isEmpty else { return Prefetch() }
        do {
            return try await writer.prefetch(of: layer, first: priorities)
        } catch let obstacle as any Failure where obstacle.isObstacle {
            // The layer would stay as it is, and nothing of it come first.
            return Prefetch()
        }
    }
}

/// What of a profile is in an image, and how much would be prefetched.
package struct ProfileCheckReport: Sendable {
    package struct Layer: Sendable {
        package let digest: Digest
        /// Bytes of the blob as it is in the source.
        package let size: Int64
        package let prefetch: Prefetch
    }

    package struct Image: Sendable {
        package let manifest: Digest
        package let platform: Platform?
        /// How many entries of the profile were found.
        package let found: Int
        /// The names of those that were not.
        package let missing: [String]
        /// Bottom first.
        package let layers: [Layer]

        /// Bytes that a runtime fetches before it starts the workload.
        package var prefetchSize: Int64 { layers.reduce(0) { $0.addingSaturated($1.prefetch.size) } }
        /// Bytes of all layers' blobs.
        package var size: Int64 { layers.reduce(0) { $0.addingSaturated($1.size) } }
    }

    /// One for each platform.
    package let images: [Image]
}
