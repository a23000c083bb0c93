import Archive
import Content
import SystemPackage

/// The merged file system of some tars, bottom first, and what its files hold.
package struct MergedTars: FileContents {
    package let tree: MergedTree
    private let layers: [InflatedLayer]

    package init(_ tars: Tar...) throws {
        layers = try tars.map { tar in
            let bytes = tar.bytes
            let digest = Digest(of: bytes)
            return try InflatedLayer(
                bytes, expecting: LayerIdentity(digest: digest, size: Int64(bytes.count), diffID: digest),
                limit: 1 << 40, in: FilePath("/tmp")
            ) { _ in }
        }
        tree = MergedTree(layers.map(\.entries))
    }

    package func bytes(of file: MergedTree.Place, in range: Range<Int64>) throws -> [UInt8] {
        try layers[file.layer].bytes(of: file.entry, in: range)
    }
}
