import Archive
import Content
import EStargz
import OCI
import Profiles
import Transports

/// The layers of an image with what comes first in each of them.
struct ProfiledLayers: Sendable {
    /// Those that were inflated for the profiler, by their keys without priorities.
    private(set) var inflated: [LayerKey: InflatedLayer] = [:]
    /// Of each image's layers, bottom first, by the digest of its manifest.
    private var priorities: [Digest: [[EntryPath]]] = [:]
    /// What was found of the profiles of all images, one after the other.
    private(set) var record = Profile()

    /// The layers of one image, bottom first.
    func layers(of image: SourceImage) -> [SourceLayer] {
        guard let priorities = priorities[image.descriptor.digest] else { return image.layers }
        return zip(image.layers, priorities).map { layer, priorities in
            SourceLayer(descriptor: layer.descriptor, key: layer.key.with(priorities: priorities))
        }
    }

    /// Each distinct layer once, in the order in which the image names them.
    func layers(of tree: ImageTree) -> [SourceLayer] {
        var seen: Set<LayerKey> = []
        return tree.images.flatMap(layers(of:)).filter { seen.insert($0.key).inserted }
    }

    /// A layer's bytes, if they have been inflated.
    func inflated(_ key: LayerKey) -> InflatedLayer? { inflated[key.with(priorities: [])] }

    fileprivate init(_ inflated: [LayerKey: InflatedLayer]) {
        self.inflated = inflated
    }

    /// The layers in their own order.
    init() {}

    fileprivate mutating func apply(_ resolution: ProfileResolution, to image: SourceImage) {
        priorities[image.descriptor.digest] = resolution.priorities
        for entry in resolution.record.entries { record.append(entry) }
    }
}

/// Inflates the layers of an image, each once, and has a profiler say which of their files come first.
struct ImageProfiling: Sendable {
    let source: any ImageSource
    let request: ConversionRequest
    let events: @Sendable (ConversionEvent) -> Void
    let warn: @Sendable (String) -> Void

    /// Profiles all platforms, one after the other, since a profiler may run them.
    func run(_ tree: ImageTree, with profiler: any Profiler) async throws -> ProfiledLayers {
        var profiled = ProfiledLayers(try await inflate(tree))
        let first = tree.images.filter { profiler.goesFirst($0.configuration) }
        for image in first + tree.images.filter({ !profiler.goesFirst($0.configuration) }) {
            let resolution = try await resolve(image, profiled.inflated, with: profiler)
            profiled.apply(resolution, to: image)
        }
        return profiled
    }

    /// Inflates each distinct layer; those that must stay as they are are left out.
    func inflate(_ tree: ImageTree) async throws -> [LayerKey: InflatedLayer] {
        let layers = ProfiledLayers().layers(of: tree).filter { $0.key.kind == .tar }
        let inflated = try await concurrentMap(layers, width: request.jobs) { position, layer in
            let id = LayerID(digest: layer.descriptor.digest, number: position + 1, total: layers.count)
            return (layer.key, try await inflate(layer, as: id))
        }
        return Dictionary(inflated.compactMap { key, layer in layer.map { (key, $0) } }) { first, _ in first }
    }

    /// `nil` for a layer that must stay as it is; who converts it will find the same.
    private func inflate(_ layer: SourceLayer, as id: LayerID) async throws -> InflatedLayer? {
        let descriptor = layer.descriptor
        let identity = LayerIdentity(digest: descriptor.digest, size: descriptor.size, diffID: layer.key.diffID)
        let options = request.layers
        events(.started(id, size: descriptor.size))
        let inflated = try await context("layer \(id.number) (\(id.digest))") {
            try await source.withBlob(descriptor, progress: { _ in }) { bytes -> InflatedLayer? in
                events(.entered(id, .fetch, size: descriptor.size))
                do {
                    return try await onCancellableThread { cancellation in
                        try InflatedLayer(
                            InterruptibleSource(source: bytes, cancellation: cancellation), expecting: identity,
                            limit: options.sizeLimit, in: options.temporaryDirectory
                        ) { events(.advanced(id, $0)) }
                    }
                } catch let obstacle as any Failure where obstacle.isObstacle && !request.isStrict {
                    let name = "layer \(id.number) (\(id.digest))"
                    events(.warning("\(name) is left out of the profile: \(obstacle.description)"))
                    return nil
                }
            }
        }
        events(.finished(id, LayerReport(action: .read, source: descriptor, result: nil, reason: nil)))
        return inflated
    }

    /// Has an image profiled, and looks up what the profile names.
    func resolve(
        _ image: SourceImage, _ inflated: [LayerKey: InflatedLayer], with profiler: any Profiler
    ) async throws -> ProfileResolution {
        let name = image.configuration.platform?.description ?? image.descriptor.digest.description
        return try await context("profile of \(name)") {
            let layers = image.layers.map { inflated[$0.key] }
            let isWhole = zip(image.layers, layers).allSatisfy { $0.key.kind != .tar || $1 != nil }
            guard isWhole || !profiler.needsAllLayers else {
                throw ProfilingFailure(text: "a layer is left out, so the image cannot be run as it is")
            }
            let readable = ReadableImage(
                manifest: image.descriptor.digest, configuration: image.configuration,
                tree: MergedTree(layers.map { $0?.entries ?? [] }, hiding: SpecialEntry.paths),
                contents: InflatedContents(layers: layers), blobs: image.layers.map(\.descriptor.digest))
            let profile = try await profiler.profile(of: readable)
            if profile.entries.isEmpty, !(profiler is Profile) {
                let text = "nothing is known of what the image runs, so nothing comes first"
                guard !request.isStrict else { throw ProfilingFailure(text: text) }
                warn(text)
            }
            let resolution = try ProfileResolution(profile, in: readable, ignoring: SpecialEntry.paths)
            if let names = resolution.missingNames {
                guard !request.isStrict else { throw ProfileFailure.missing(resolution.missing.count, names: names) }
                warn("\(resolution.missing.count) of the profile's paths are not in \(name): \(names)")
            }
            return resolution
        }
    }
}

/// A profile could not be made, which was to be strict.
private struct ProfilingFailure: Failure {
    let text: String

    var kind: FailureKind { .invalid }
    var description: String { text }
}

/// What the files of inflated layers hold.
private struct InflatedContents: FileContents {
    let layers: [InflatedLayer?]

    func bytes(of file: MergedTree.Place, in range: Range<Int64>) async throws -> [UInt8] {
        guard let layer = layers[file.layer] else { return [] }
        // Not on a thread of its own: a recorder asks for each file, and the temporary file was written a moment ago.
        return try layer.bytes(of: file.entry, in: range)
    }
}
