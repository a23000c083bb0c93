import Archive
import Content
import OCI
import Transports

/// A layer as the image names it: the same blob under another DiffID is another layer.
struct LayerKey: Hashable, Sendable {
    let digest: Digest
    let diffID: Digest
    let size: Int64
    /// The same blob may be foreign in one place and not in another.
    let kind: LayerKind
    /// What comes first in it; the same blob may serve several images, each with its own order.
    private(set) var priorities: [EntryPath] = []

    init(_ descriptor: Descriptor, diffID: Digest) {
        digest = descriptor.digest
        size = descriptor.size
        kind = descriptor.mediaType.layerKind
        self.diffID = diffID
    }

    /// The same layer in another order.
    func with(priorities: [EntryPath]) -> LayerKey {
        var key = self
        key.priorities = priorities
        return key
    }
}

/// A layer of the source image with what its configuration says of it.
struct SourceLayer: Sendable {
    let descriptor: Descriptor
    let key: LayerKey
}

/// An image for one platform.
struct SourceImage: Sendable {
    let manifest: Manifest
    let configuration: ImageConfiguration
    let descriptor: Descriptor

    /// Bottom first, in no other order than their own.
    var layers: [SourceLayer] {
        zip(manifest.layers, configuration.diffIDs).map { descriptor, diffID in
            SourceLayer(descriptor: descriptor, key: LayerKey(descriptor, diffID: diffID))
        }
    }
}

extension ImageTree {
    /// Each distinct image once, in the order of the index.
    var images: [SourceImage] {
        var seen: Set<Digest> = []
        return allImages.filter { seen.insert($0.descriptor.digest).inserted }
    }

    private var allImages: [SourceImage] {
        switch self {
        case .index(_, _, let children): children.flatMap(\.allImages)
        case .image(let manifest, let configuration, let descriptor):
            [SourceImage(manifest: manifest, configuration: configuration, descriptor: descriptor)]
        case .artifact: []
        }
    }
}
