import Content
import EStargz
import OCI

/// An eStargz layer in pieces that a test can change one by one; digests and offsets are computed anew.
package struct LayerPieces: Sendable {
    /// Everything before the member with the table of contents.
    package var data: [UInt8]
    /// The text of the table.
    package var toc: [UInt8]
    /// Bytes of the table's header that are to be others; its checksum follows, unless it is among them.
    package var tocHeader: [Int: UInt8] = [:]
    /// What the table's file is called in its member.
    package var tocName = "stargz.index.json"
    /// Bytes behind the table's file and the end of the archive.
    package var tail: [UInt8] = []
    /// Added to the offset in the footer.
    package var footerShift: Int64 = 0

    package init(_ layer: ConvertedLayer) throws {
        let blob = try layer.parsed()
        data = Array(layer.bytes[..<blob.tocOffset])
        toc = blob.tocText
    }

    package init(data: [UInt8], toc: String) {
        self.data = data
        self.toc = Array(toc.utf8)
    }

    /// The table as a tree; setting writes it anew.
    package var table: JSON {
        get { (try? JSON(parsing: toc)) ?? .null }
        set { toc = newValue.text }
    }

    /// Changes the entries of a name, chunks too.
    package mutating func edit(_ name: String, type: String? = nil, _ change: (inout JSON) -> Void) {
        editEntries { entries in
            for position in entries.indices where entries[position]["name"]?.string == name {
                if type == nil || entries[position]["type"]?.string == type { change(&entries[position]) }
            }
        }
    }

    package mutating func editEntries(_ change: (inout [JSON]) -> Void) {
        var entries = table["entries"]?.array ?? []
        change(&entries)
        table["entries"] = .array(entries)
    }

    package var tocDigest: Digest { Digest(of: toc) }

    /// The member with the table, inflated.
    package var tocTar: [UInt8] {
        var bytes = Tar { file(tocName, toc).mode(0) }.bytes
        for (position, byte) in tocHeader { bytes[position] = byte }
        if !tocHeader.isEmpty, !tocHeader.keys.contains(where: { (148..<156).contains($0) }) {
            let sum = bytes[..<512].indices.reduce(0) { $0 + Int((148..<156).contains($1) ? 0x20 : bytes[$1]) }
            let digits = String(sum, radix: 8)
            let text = String(repeating: "0", count: 6 - digits.count) + digits + "\0"
            bytes.replaceSubrange(148..<155, with: text.utf8)
        }
        return bytes + tail
    }

    package func bytes() throws -> [UInt8] {
        data + (try compressed(tocTar)) + Footer(tocOffset: Int64(data.count) + footerShift).bytes
    }

    /// The layer of an image that describes it rightly.
    package func layer() throws -> BuiltTestLayer {
        let blob = try bytes()
        let members = (try? GzipMember.all(of: blob)) ?? []
        let tar = members.flatMap(\.bytes)
        var layer = BuiltTestLayer(blob, diffID: Digest(of: tar), type: .ociLayerGzip)
        layer.descriptor.editAnnotations { annotations in
            annotations["containerd.io/snapshot/stargz/toc.digest"] = .string(tocDigest.description)
            annotations["io.containers.estargz.uncompressed-size"] = .string(String(tar.count))
        }
        return layer
    }
}
