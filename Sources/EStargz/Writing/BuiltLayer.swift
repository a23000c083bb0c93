import Content

/// A finished eStargz layer. Every field is final.
package struct BuiltLayer: Sendable {
    package let blob: FileSlice
    package let digest: Digest
    /// Digest of the uncompressed layer, table of contents included.
    package let diffID: Digest
    /// Bytes of the uncompressed layer.
    package let uncompressedSize: Int64
    /// Digest of the table of contents: its JSON alone, uncompressed.
    package let tocDigest: Digest
}
