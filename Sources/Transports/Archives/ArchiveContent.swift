import Content
import OCI

/// What an image consists of, in the order in which its documents name it.
struct ArchiveContent {
    /// Each digest once: a document before what it names.
    private(set) var order: [Digest] = []
    private var seen: Set<Digest> = []
    /// The manifests of images; attestations are none.
    private var images: [Manifest] = []

    /// Goes through the documents below `root`, all of which must have been put.
    init(_ root: Descriptor, manifests: [Digest: Document]) throws {
        try add(root, manifests)
    }

    private mutating func add(_ descriptor: Descriptor, _ manifests: [Digest: Document]) throws {
        guard seen.insert(descriptor.digest).inserted else { return }
        order.append(descriptor.digest)
        guard let document = manifests[descriptor.digest] else { return }
        if descriptor.mediaType.isIndex {
            for child in try Index(document, as: descriptor.mediaType).manifests { try add(child, manifests) }
        } else if descriptor.mediaType.isManifest {
            let manifest = try Manifest(document, as: descriptor.mediaType)
            if manifest.hasFilesystem, !descriptor.isAttestation { images.append(manifest) }
            for blob in [manifest.configuration] + manifest.layers { try add(blob, [:]) }
        }
    }

    /// `manifest.json` of docker, which can name one platform only.
    func dockerManifest(tags: [String]) throws -> JSON {
        guard let image = images.first, images.count == 1 else {
            throw ArchiveContentFailure.platforms(count: images.count)
        }
        var entry = JSON.object(JSON.Object())
        entry["Config"] = .string(ImageLayout.blobName(image.configuration.digest))
        entry["RepoTags"] = tags.isEmpty ? .null : .array(tags.map(JSON.string))
        entry["Layers"] = .array(image.layers.map { .string(ImageLayout.blobName($0.digest)) })
        return .array([entry])
    }
}

/// What docker's archives cannot hold.
enum ArchiveContentFailure: Failure {
    case platforms(count: Int)

    var kind: FailureKind { .usage }

    var description: String {
        switch self {
        case .platforms(let count):
            "an archive for docker holds one platform, but the image has \(count); choose one with --platform, "
                + "or use oci-archive:"
        }
    }
}
