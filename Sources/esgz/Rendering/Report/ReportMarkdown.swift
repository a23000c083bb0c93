import Archive
import Content
import EStargz
import Inspection
import OCI

extension ImageReport {
    /// For a comment on a pull request.
    var markdown: String {
        var lines = ["### \(name.markdownCode)", "", verdict, ""]
        lines += Self.table(
            ["", "requests", "bytes", "time"],
            costs.map { ["\($0.name)", "\($0.cost.requests)", $0.cost.bytes.byteCountText, time($0.cost)] })
        lines += [""]
        lines += Self.table(
            ["layer", "source", "size", "growth", "files", "TOC", "prefetch"],
            layers.map(\.markdownRow) + [
                [
                    "**all**", sourceSize?.byteCountText ?? "–", size.byteCountText, growth?.shown ?? "–", "", "",
                    layers.allSatisfy { $0.contents == nil } ? "–" : prefetchSize.byteCountText,
                ]
            ])
        for layer in layers {
            if let reason = layer.reason { lines += ["", "Layer \(layer.number) is not lazy: \(reason.markdownText)"] }
        }
        lines += ["", "<details><summary>Largest files</summary>", ""]
        lines += Self.table(
            ["layer", "file", "compressed", "size"],
            layers.flatMap { layer in
                (layer.contents?.map.largest(5) ?? []).map { file in
                    [
                        "\(layer.number)", file.path.description.markdownCode, file.compressedSize.byteCountText,
                        file.size.byteCountText,
                    ]
                }
            })
        lines += ["", "</details>", "", "<details><summary>Assumptions</summary>", ""]
        lines += assumptions.map { "- \($0)" }
        if let profile, !profile.missing.isEmpty {
            lines.append("- \(profile.missing.count) of the profile are not in the image")
        }
        lines += ["", "</details>"]
        return lines.joined(separator: "\n")
    }

    /// Numbers stand to the right, and the first column to the left.
    private static func table(_ head: [String], _ rows: [[String]]) -> [String] {
        let line = { (cells: [String]) in "| " + cells.joined(separator: " | ") + " |" }
        return [line(head), "|" + head.map { $0 == "" || $0 == "file" || $0 == "layer" ? "---|" : "---:|" }.joined()]
            + rows.map(line)
    }
}

extension ReportedLayer {
    fileprivate var markdownRow: [String] {
        [
            "\(number) <code>\(descriptor.digest.short)</code>", sourceSize?.byteCountText ?? "–", size.byteCountText,
            growth?.shown ?? "–", contents.map { "\($0.fileCount)" } ?? "–",
            contents?.tocSize.byteCountText ?? "–", contents?.prefetchEnd.byteCountText ?? "–",
        ]
    }
}

extension String {
    /// Text of others that stays text: whatever means something to a reader of Markdown or HTML is written as a number.
    fileprivate var markdownText: String {
        escaped.unicodeScalars.map { scalar in
            let isPlain =
                scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                || "/.- ".unicodeScalars.contains(scalar)
            return isPlain ? String(scalar) : "&#\(scalar.value);"
        }.joined()
    }

    /// Within code nobody looks for names of people or numbers of issues.
    fileprivate var markdownCode: String { "<code>\(markdownText)</code>" }
}
