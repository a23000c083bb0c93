/// How a layer is compressed, told from its first bytes: what a media type claims is not always true.
package enum Compression: Hashable, Sendable {
    case none, gzip, zstd

    /// How many bytes `init(sniffing:)` wants to see.
    package static let magicCount = 4

    /// Sniffs as containerd does, and knows zstd's skippable frames, with which zstd:chunked layers may start.
    package init(sniffing bytes: UnsafeRawBufferPointer) {
        switch (bytes.count, bytes.prefix(Self.magicCount)) {
        case (3..., let magic) where magic.starts(with: [0x1f, 0x8b, 0x08]): self = .gzip
        case (4..., let magic) where magic.elementsEqual([0x28, 0xb5, 0x2f, 0xfd]): self = .zstd
        case (4..., let magic) where magic[0] & 0xf0 == 0x50 && magic.dropFirst().elementsEqual([0x2a, 0x4d, 0x18]):
            self = .zstd
        default: self = .none
        }
    }
}
