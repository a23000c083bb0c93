import Content
import OCI
import Transports

/// The documents of one platform of an image.
package struct PlatformImage: Sendable {
    /// What the name of the image stands for: an index, or the manifest itself.
    package let root: Descriptor
    /// Of the manifest.
    package let descriptor: Descriptor
    package let manifest: Manifest
    package let configuration: ImageConfiguration

    /// The platform, as far as the image says.
    package var platform: Platform? { descriptor.platform ?? configuration.platform }

    /// Reads the documents of one platform, and of no other.
    ///
    /// - Parameters:
    ///   - source: where the image is.
    ///   - root: what its name stands for, if that is known already.
    ///   - wish: which platform; `nil` for that of this machine if the image has it, else the only one.
    /// - Throws: `PlatformChoiceFailure` when there are several, or what the documents are wrong about.
    package init(of source: any ImageSource, root: Descriptor? = nil, platform wish: Platform?) async throws {
        let root = if let root { root } else { try await source.resolve() }
        self.root = root
        var wish = wish
        if wish == nil, root.mediaType.isIndex {
            wish = try Self.choose(from: try Index(try await source.document(root), as: root.mediaType))
        }
        let selection = ImageTreeReader.Selection(platforms: wish.map { [$0] } ?? [])
        let tree = try await ImageTreeReader(of: source, selection).read(from: root)
        guard let image = tree.images.first(where: { $0.platform == wish }) ?? tree.images.first else {
            throw ImageTreeFailure.noFileSystem
        }
        descriptor = image.descriptor
        manifest = image.manifest
        configuration = image.configuration
    }

    /// - Returns: `nil` when there is nothing to choose from.
    private static func choose(from index: Index) throws -> Platform? {
        let images = index.manifests.filter { !$0.isAttestation }
        let platforms = images.compactMap(\.platform)
        if let local = platforms.first(where: { Platform.local.matches($0) }) { return local }
        guard images.count > 1 else { return nil }
        // Of an index within, nobody has said what it holds.
        if images.contains(where: { $0.mediaType.isIndex }) { return .local }
        throw PlatformChoiceFailure(platforms: platforms)
    }
}

extension PlatformImage {
    /// A conversion leaves the number of layers as it is.
    ///
    /// - Parameter result: what this image is said to be the source of.
    /// - Throws: when it cannot be.
    package func checkLayerCount(asSourceOf result: PlatformImage) throws {
        let (count, wanted) = (manifest.layers.count, result.manifest.layers.count)
        guard count == wanted else { throw SourceFailure(count: count, wanted: wanted) }
    }
}

/// The image that was named as the source is another one.
package struct SourceFailure: Failure {
    let count: Int
    let wanted: Int

    package var kind: FailureKind { .usage }
    package var description: String {
        "--source: expected an image with \(wanted) layers, as many as the result has, not \(count)"
    }
}

/// The image has fewer layers than the one that was asked for.
package struct NoLayerFailure: Failure {
    let number: Int
    let count: Int

    /// - Parameters:
    ///   - number: of the layer, counted from 1.
    ///   - count: how many there are.
    package init(number: Int, count: Int) {
        self.number = number
        self.count = count
    }

    package var kind: FailureKind { .notFound }
    package var description: String { "--layer: there is no layer \(number); the image has \(count)" }
}

/// The image is for several platforms, of which none is that of this machine.
package struct PlatformChoiceFailure: Failure {
    let platforms: [Platform]

    package var kind: FailureKind { .usage }
    package var description: String {
        "the image has no manifest for \(Platform.local); choose with --platform from: "
            + platforms.map { $0.description.printable }.joined(separator: ", ")
    }
}

extension ImageTree {
    /// An image for one platform.
    struct Image {
        let descriptor: Descriptor
        let manifest: Manifest
        let configuration: ImageConfiguration

        var platform: Platform? { descriptor.platform ?? configuration.platform }
    }

    var images: [Image] {
        switch self {
        case .index(_, _, let children): children.flatMap(\.images)
        case .image(let manifest, let configuration, let descriptor):
            [Image(descriptor: descriptor, manifest: manifest, configuration: configuration)]
        case .artifact: []
        }
    }
}
