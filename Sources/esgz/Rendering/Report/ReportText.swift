import Archive
import Content
import EStargz
import Inspection
import OCI

extension ImageReport {
    /// For a terminal.
    var text: String {
        var blocks = ["\(name.escaped)\n\(subtitle)", layerTable]
        blocks += layers.flatMap(\.fileTables)
        let rows = costs.map { cost in
            [
                cost.name, "\(cost.cost.requests)", cost.cost.bytes.byteCountText,
                time(cost.cost),
            ]
        }
        blocks.append(
            "start\n" + Table.text([["", "requests", "bytes", "time"]] + rows, alignedRight: [1, 2, 3]) + "\n" + verdict
        )
        if let profile, !profile.missing.isEmpty {
            let names = profile.missing.prefix(Self.namedFiles).map(\.escaped).joined(separator: ", ")
            blocks.append("not in the image: \(profile.missing.count) of the profile: \(names)")
        }
        blocks.append("assumed\n" + assumptions.map { "- \($0)" }.joined(separator: "\n"))
        return blocks.joined(separator: "\n\n")
    }

    private var layerTable: String {
        let head = ["layer", "digest", "source", "size", "growth", "files", "members", "toc", "prefetch"]
        let known = layers.compactMap(\.contents)
        let total = [
            "all", "", sourceSize?.byteCountText ?? "-", size.byteCountText, growth?.shown ?? "-",
        ]
        let sums =
            known.isEmpty
            ? ["-", "-", "-", "-"]
            : ["\(known.reduce(0) { $0 + $1.fileCount })", "", "", prefetchSize.byteCountText]
        return Table.text([head] + layers.map(\.row) + [total + sums], alignedRight: [0, 2, 3, 4, 5, 6, 7, 8])
    }
}

extension ReportedLayer {
    fileprivate var row: [String] {
        let sizes = [
            "\(number)", descriptor.digest.short, sourceSize?.byteCountText ?? "-", size.byteCountText,
            growth?.shown ?? "-",
        ]
        guard let contents else { return sizes + ["-", "-", "-", "-"] }
        return sizes + [
            "\(contents.fileCount)", "\(contents.map.memberCount)", contents.tocSize.byteCountText,
            contents.prefetchEnd.byteCountText,
        ]
    }

    fileprivate var fileTables: [String] {
        if let reasonText { return ["layer \(number): \(reasonText)"] }
        guard let contents, !contents.map.files.isEmpty else { return [] }
        let largest = contents.map.largest(ImageReport.namedFiles)
        var tables = ["layer \(number), largest files\n" + Self.table(largest)]
        let dense = contents.map.dense
        if !dense.isEmpty {
            tables.append(
                """
                layer \(number), \(dense.count) file\(dense.count == 1 ? "" : "s") that compression gains nothing in, \
                \(dense.totalCompressedSize.byteCountText)

                """ + Self.table(dense.prefix(ImageReport.namedFiles)))
        }
        return tables
    }

    private static func table(_ files: ArraySlice<LayerMap.File>) -> String {
        Table.text(
            files.map {
                ["  " + $0.compressedSize.byteCountText, "of", $0.size.byteCountText, $0.path.description.escaped]
            },
            alignedRight: [0, 2])
    }
}
