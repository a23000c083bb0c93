/// What the bytes of a blob are, as a descriptor says it.
package struct MediaType: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package var description: String { text }

    package static let ociIndex = MediaType("application/vnd.oci.image.index.v1+json")
    package static let ociManifest = MediaType("application/vnd.oci.image.manifest.v1+json")
    package static let ociConfiguration = MediaType("application/vnd.oci.image.config.v1+json")
    package static let ociLayer = MediaType("application/vnd.oci.image.layer.v1.tar")
    package static let ociLayerGzip = MediaType("application/vnd.oci.image.layer.v1.tar+gzip")
    package static let ociLayerZstd = MediaType("application/vnd.oci.image.layer.v1.tar+zstd")
    package static let dockerIndex = MediaType("application/vnd.docker.distribution.manifest.list.v2+json")
    package static let dockerManifest = MediaType("application/vnd.docker.distribution.manifest.v2+json")
    package static let dockerConfiguration = MediaType("application/vnd.docker.container.image.v1+json")
    package static let dockerLayerGzip = MediaType("application/vnd.docker.image.rootfs.diff.tar.gzip")
    package static let dockerSchema1 = MediaType("application/vnd.docker.distribution.manifest.v1+json")
    package static let dockerSchema1Signed = MediaType("application/vnd.docker.distribution.manifest.v1+prettyjws")

    /// What a client says it can read when it asks a registry for a manifest.
    package static let manifests: [MediaType] = [
        .ociIndex, .dockerIndex, .ociManifest, .dockerManifest, .dockerSchema1Signed, .dockerSchema1,
    ]

    package var isIndex: Bool { self == .ociIndex || self == .dockerIndex }
    package var isManifest: Bool { self == .ociManifest || self == .dockerManifest }
    package var isSchema1: Bool { self == .dockerSchema1 || self == .dockerSchema1Signed }
    package var isDocker: Bool { text.hasPrefix("application/vnd.docker.") }
}

/// What a media type says of a layer.
package enum LayerKind: Hashable, Sendable {
    /// A file system; how it is compressed, the bytes say more reliably.
    case tar
    /// Foreign: the image's author may not distribute it, so it is neither fetched nor pushed.
    case foreign
    /// Something else than a file system: an in-toto statement, a Helm chart, a signature.
    case other
}

extension MediaType {
    package var layerKind: LayerKind {
        switch text {
        case Self.ociLayer.text, "application/vnd.docker.image.rootfs.diff.tar",
            Self.ociLayerGzip.text,
            Self.dockerLayerGzip.text, Self.ociLayerZstd.text,
            // Docker has no zstd type of its own, but images with this one exist.
            "application/vnd.docker.image.rootfs.diff.tar.zstd":
            .tar
        case let text where text.hasPrefix("application/vnd.oci.image.layer.nondistributable.v1.tar"): .foreign
        case let text where text.hasPrefix("application/vnd.docker.image.rootfs.foreign.diff.tar"): .foreign
        default: .other
        }
    }

    /// The OCI type that says the same as this Docker type; other types stay.
    package var asOCI: MediaType {
        switch self {
        case .dockerIndex: .ociIndex
        case .dockerManifest: .ociManifest
        case .dockerConfiguration: .ociConfiguration
        default:
            switch text {
            case "application/vnd.docker.image.rootfs.diff.tar": .ociLayer
            case Self.dockerLayerGzip.text: .ociLayerGzip
            case "application/vnd.docker.image.rootfs.diff.tar.zstd": .ociLayerZstd
            case "application/vnd.docker.image.rootfs.foreign.diff.tar":
                MediaType("application/vnd.oci.image.layer.nondistributable.v1.tar")
            case "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
                MediaType("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
            default: self
            }
        }
    }
}
