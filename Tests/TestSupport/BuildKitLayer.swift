import Content
import EStargz

/// A layer as BuildKit writes it: all of the source's tar with its own end, cut where the data of files begins, then the
/// table of contents and another end; without a landmark.
package struct BuildKitLayer {
    package let pieces: LayerPieces

    /// - Throws: when the archive cannot be converted, which is where the attributes in the table come from.
    package init(_ tar: Tar) async throws {
        var members: [[UInt8]] = [[]]
        var offsets: [String: Int64] = [:]
        var data: [UInt8] = []
        for item in tar.items {
            let bytes = Tar(tar.dialect, end: .missing, items: [item]).bytes
            let size = item.kind == .file ? item.content.count : 0
            let header = bytes.count - (size + 511) / 512 * 512
            members[members.count - 1] += bytes[..<header]
            guard size > 0 else { continue }
            data += try compressed(members[members.count - 1])
            members.append(Array(bytes[header...]))
            offsets[String(decoding: item.name, as: UTF8.self)] = Int64(data.count)
        }
        members[members.count - 1].append(zeros: 1024)
        data += try compressed(members[members.count - 1])
        let converted = try LayerPieces(try await Layer(tar.bytes).converted())
        var pieces = LayerPieces(data: data, toc: "")
        pieces.toc = converted.toc
        pieces.editEntries { entries in
            entries.removeAll { $0["name"]?.string == ".no.prefetch.landmark" }
            for position in entries.indices where entries[position]["offset"] != nil {
                entries[position]["offset"] = offsets[entries[position]["name"]?.string ?? ""].map(JSON.integer)
            }
        }
        self.pieces = pieces
    }
}
