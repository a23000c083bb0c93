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
    /// Bytes of the blob that a runtime fetches at once, before the workload starts.
    package let prefetchSize: Int64
}

/// What comes before the landmark of a layer.
package struct Prefetch: Hashable, Sendable {
    /// Files, links and directories.
    package let entries: Int
    /// Bytes of the files.
    package let contentSize: Int64
    /// Bytes of the blob.
    package let size: Int64

    /// Nothing at all.
    package init(entries: Int = 0, contentSize: Int64 = 0, size: Int64 = 0) {
        self.entries = entries
        self.contentSize = contentSize
        self.size = size
    }
}
