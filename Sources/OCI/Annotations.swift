/// The annotation keys that `esgz` writes, reads or removes.
package enum Annotation {
    /// Digest of the uncompressed TOC JSON; without it no consumer mounts a layer lazily.
    package static let tocDigest = "containerd.io/snapshot/stargz/toc.digest"
    /// How many bytes of a layer without a landmark are fetched before the workload starts, decimal (`fs/layer/layer.go`).
    package static let prefetchSize = "containerd.io/snapshot/remote/stargz.prefetch"
    /// Length of the uncompressed layer, decimal; the Stargz Store of older Podman needs it.
    package static let uncompressedSize = "io.containers.estargz.uncompressed-size"
    /// In the image with external tables of contents: the layer that one belongs to.
    package static let layerDigest = "containerd.io/snapshot/stargz/layer.digest"
    /// containers/storage: digest of the compressed table of contents of a zstd:chunked layer.
    package static let zstdTOCDigest = "io.github.containers.zstd-chunked.manifest-checksum"
    /// containers/storage: where that is, `offset:compressed:inflated:1`.
    package static let zstdTOCPosition = "io.github.containers.zstd-chunked.manifest-position"
    /// The same two, as older versions of containers/storage write them, and stargz-snapshotter besides `tocDigest`.
    package static let olderZstdTOCDigest = "io.containers.zstd-chunked.manifest-checksum"
    package static let olderZstdTOCPosition = "io.containers.zstd-chunked.manifest-position"
    /// The tag of a manifest in a layout's `index.json`.
    package static let referenceName = "org.opencontainers.image.ref.name"
    /// containerd and docker: the full name of an image in the `index.json` of an archive.
    package static let imageName = "io.containerd.image.name"
    /// BuildKit: which manifest an attestation speaks of.
    package static let attestedDigest = "vnd.docker.reference.digest"
    /// BuildKit: `attestation-manifest` for a manifest that holds attestations.
    package static let referenceType = "vnd.docker.reference.type"

    /// Whether the key describes the old bytes of a layer that is written anew.
    ///
    /// A layer with both an eStargz and a zstd:chunked table of contents is refused by containers/storage altogether.
    package static func isStaleAfterConversion(_ key: String) -> Bool {
        key == tocDigest || key == uncompressedSize
            || key == layerDigest
            || key.hasPrefix("io.github.containers.zstd-chunked.")
            || key.hasPrefix("io.containers.zstd-chunked.")
    }
}
