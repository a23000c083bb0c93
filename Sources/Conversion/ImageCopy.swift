import Content
import OCI
import Transports

/// What to copy and how; holds no open resources.
package struct CopyRequest: Sendable {
    /// The platforms to copy; all when empty.
    package var platforms: [Platform] = []
    /// Blobs that are under way at the same time.
    package var jobs = 4
    /// Fail where a name of a destination stands for another image already.
    package var refusesToReplace = false

    package init() {}
}

/// Copies an image as it is: blobs, then manifests from the inside out, the name last.
package struct ImageCopy: Sendable {
    private let request: CopyRequest
    private let source: any ImageSource
    private let destinations: Destinations
    private let events: @Sendable (ConversionEvent) -> Void

    package init(
        _ request: CopyRequest, from source: any ImageSource, to destinations: [Destination],
        events: @escaping @Sendable (ConversionEvent) -> Void
    ) {
        self.request = request
        self.source = source
        self.destinations = Destinations(destinations)
        self.events = events
    }

    /// Copies the image. A destination that fails does not keep the others from being served; the report says how it
    /// went at each.
    ///
    /// - Throws: what keeps the image from being read, or the first failure if every destination failed.
    package func run() async throws -> ConversionReport {
        let root = try await CopyRoot(of: source, platforms: request.platforms)
        if request.refusesToReplace { try await destinations.refuseOccupied { $0.digest == root.descriptor.digest } }
        var collection = ManifestCollection(source: source, destinations: destinations, edited: root.edited)
        try await collection.add(root.descriptor, root.document, depth: 0)
        let count = collection.imageCount
        try await destinations.forEach { _, place in try await place.expect(platforms: count) }
        let layers = try await copyBlobs(of: collection)
        for manifest in collection.manifests where manifest.descriptor.digest != root.descriptor.digest {
            try await destinations.forEach { _, place in
                try await place.put(manifest: manifest.document, as: manifest.descriptor)
            }
        }
        try await destinations.forEach { _, place in try await place.publish(root.document, as: root.descriptor) }
        return ConversionReport(
            source: root.descriptor, result: root.descriptor, layers: layers, deliveries: destinations.deliveries,
            warnings: [])
    }

    /// Copies each distinct blob once, at most `jobs` at a time, and reports on the layers.
    private func copyBlobs(of collection: ManifestCollection) async throws -> [LayerReport] {
        let layers = collection.layers
        let copy = BlobCopy(source: source, destinations: destinations, events: events)
        _ = try await concurrentMap(collection.configurations, width: request.jobs) { _, configuration in
            try await context("configuration \(configuration.digest)") {
                try await copy.run(configuration, as: nil)
            }
        }
        return try await concurrentMap(layers, width: request.jobs) { position, layer in
            let id = LayerID(digest: layer.digest, number: position + 1, total: layers.count)
            return try await run(copy, of: layer, as: id)
        }
    }

    private func run(_ copy: BlobCopy, of layer: Descriptor, as id: LayerID) async throws -> LayerReport {
        events(.started(id, size: layer.size))
        let report: LayerReport
        if layer.mediaType.layerKind == .foreign {
            report = LayerReport(
                action: .skip, source: layer, result: layer, reason: "foreign layers may not be distributed")
        } else {
            let wasMissing = try await context("layer \(id.number) (\(id.digest))") {
                try await copy.run(layer, as: id)
            }
            report = LayerReport(action: wasMissing ? .copy : .exists, source: layer, result: layer, reason: nil)
        }
        events(.finished(id, report))
        return report
    }
}

/// The manifests that some destination may lack, innermost first.
private struct ManifestCollection {
    let source: any ImageSource
    let destinations: Destinations
    /// Indexes that the source does not have in this form.
    let edited: [Digest: Document]
    private(set) var manifests: [(descriptor: Descriptor, document: Document)] = []
    /// Each distinct one once, in the order in which the manifests name them.
    private(set) var configurations: [Descriptor] = []
    private(set) var layers: [Descriptor] = []
    /// Manifests with a file system; attestations have none.
    private(set) var imageCount = 0
    private var seenBlobs: Set<Digest> = []
    /// Apart: a blob that is foreign in one place has to be copied for another.
    private var seenForeignLayers: Set<Digest> = []
    private var seen: Set<Digest> = []

    init(source: any ImageSource, destinations: Destinations, edited: [Digest: Document]) {
        self.source = source
        self.destinations = destinations
        self.edited = edited
    }

    /// Adds a manifest or index after all that it leads to.
    mutating func add(_ descriptor: Descriptor, _ document: Document, depth: Int) async throws {
        guard seen.insert(descriptor.digest).inserted, try await destinations.mayLackPart(of: descriptor) else {
            return
        }
        try Task.checkCancellation()
        guard seen.count <= manifestLimit else { throw DocumentFailure.tooManyManifests(limit: manifestLimit) }
        if document.root["schemaVersion"]?.integer == 1 { throw DocumentFailure.schema1 }
        if descriptor.mediaType.isIndex {
            for child in try Index(document, as: descriptor.mediaType).manifests {
                guard !seen.contains(child.digest) else { continue }
                try await context(child.platform?.description ?? child.digest.description) {
                    var document = edited[child.digest]
                    if document == nil { document = try await source.manifest(child, depth: depth + 1) }
                    if let document { try await add(child, document, depth: depth + 1) }
                }
            }
        } else {
            let manifest = try Manifest(document, as: descriptor.mediaType)
            if manifest.hasFilesystem, !descriptor.isAttestation { imageCount += 1 }
            configurations += [manifest.configuration].filter { seenBlobs.insert($0.digest).inserted }
            layers += manifest.layers.filter { layer in
                layer.mediaType.layerKind == .foreign
                    ? seenForeignLayers.insert(layer.digest).inserted : seenBlobs.insert(layer.digest).inserted
            }
        }
        manifests.append((descriptor, document))
    }
}

package enum CopyFailure: Failure {
    case absentManifest(Digest)
    case absentBlob(Digest)
    case wouldReplaceArchive(ImageLocation)

    package var kind: FailureKind {
        switch self {
        case .absentManifest, .absentBlob: .notFound
        case .wouldReplaceArchive: .usage
        }
    }

    package var description: String {
        switch self {
        case .absentManifest(let digest):
            "the source names manifest \(digest), but does not hold it; copy what it holds with --platform"
        case .absentBlob(let digest):
            "the source names blob \(digest), but does not hold it; copy what it holds with --platform"
        case .wouldReplaceArchive(let location):
            "the destination \(location) is the archive that is read, and would be replaced; choose another file"
        }
    }
}
