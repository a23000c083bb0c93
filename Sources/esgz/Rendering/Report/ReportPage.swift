import Archive
import Content
import EStargz
import Inspection
import OCI

/// A report as one HTML file that needs nothing else.
///
/// Every number stands in it as `data-value`, and where it comes from in the JSON as `data-path`.
struct ReportPage {
    let report: ImageReport

    var text: String {
        let title = report.name.html
        // Names of files come from others. Should one get past the escapes, it still runs nothing and loads nothing.
        let policy = "default-src 'none'; style-src 'unsafe-inline'"
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>
            \(ReportStyle.css)
            </style>
            </head>
            <body>
            <main>
            <h1>\(title)</h1>
            <p class="soft">\(report.subtitle.html)</p>
            <p class="lead">\(report.verdict.html)</p>
            \(start)
            \(layerTable)
            <h2>Layers, from the first byte to the last</h2>
            \(report.layers.enumerated().map { LayerSection(layer: $1, position: $0, needed: report.profile?.files[$0]).text }
                .joined(separator: "\n"))
            </main>
            </body>
            </html>
            """
    }

    private var start: String {
        let most = max(1, report.costs.map(\.cost.bytes).max() ?? 1)
        let rows = report.costs.map { key, name, cost in
            let path = "start.\(key)"
            let width = Fixed(Double(cost.bytes) * 100 / Double(most))
            let colour = ["before": "pre", "onDemand": "late"][key] ?? "rest"
            return """
                <tr><th scope="row" class="t">\(name)</th>\
                <td class="wide"><span class="bar \(colour)" style="width:\(width)%"></span></td>\
                \(cell("\(path).requests", cost.requests, "\(cost.requests)"))\
                \(cell("\(path).bytes", cost.bytes, cost.bytes.byteCountText))\
                \(cell("\(path).milliseconds", cost.milliseconds(over: report.line), report.time(cost)))</tr>
                """
        }
        var notes = report.assumptions.map { "<li>\($0.html)</li>" }
        if let profile = report.profile, !profile.missing.isEmpty {
            let names = profile.missing.prefix(ImageReport.namedFiles).map { "<code>\($0.escaped.html)</code>" }
            notes.append(
                "<li>\(profile.missing.count) of the profile are not in the image: \(names.joined(separator: ", "))</li>"
            )
        }
        return """
            <h2>What starting costs</h2>
            <div class="scroll"><table>
            <thead><tr><th class="t"></th><th></th><th>requests</th><th>bytes</th><th>time</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            <details><summary>What this takes for granted</summary><ul>
            \(notes.joined(separator: "\n"))
            </ul></details>
            """
    }

    private var layerTable: String {
        let rows = report.layers.enumerated().map { position, layer in
            let path = "layers.\(position)"
            var cells = [
                "<td class=\"t\">\(layer.number)</td>",
                "<td class=\"t\"><code>\(layer.descriptor.digest.short)</code></td>", shareCell(layer),
                optionalCell("\(path).sourceSize", layer.sourceSize) { $0.byteCountText },
                cell("\(path).size", layer.size, layer.size.byteCountText),
                growthCell("\(path).growth", layer.growth),
            ]
            if let contents = layer.contents {
                cells += [
                    cell("\(path).files", Int64(contents.fileCount), "\(contents.fileCount)"),
                    cell("\(path).members", Int64(contents.map.memberCount), "\(contents.map.memberCount)"),
                    cell("\(path).tocSize", contents.tocSize, contents.tocSize.byteCountText),
                    cell("\(path).prefetchSize", contents.prefetchEnd, contents.prefetchEnd.byteCountText),
                ]
            } else {
                cells.append("<td colspan=\"4\">not lazy</td>")
            }
            return "<tr>\(cells.joined())</tr>"
        }
        return """
            <h2>What the layers consist of</h2>
            <div class="scroll"><table>
            <thead><tr><th class="t">layer</th><th class="t">digest</th><th></th><th>source</th><th>size</th><th>growth</th>\
            <th>files</th><th>members</th><th>contents</th><th>prefetched</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            <tfoot><tr><td class="t">all</td><td></td><td></td>\
            \(optionalCell("sourceSize", report.sourceSize) { $0.byteCountText })\
            \(cell("size", report.size, report.size.byteCountText))\(growthCell("growth", report.growth))\
            <td></td><td></td><td></td>\
            \(cell("prefetchSize", report.prefetchSize, report.prefetchSize.byteCountText))</tr></tfoot></table></div>
            """
    }

    /// The layer as a bar, to one scale with the others.
    private func shareCell(_ layer: ReportedLayer) -> String {
        let most = max(1, report.layers.map(\.size).max() ?? 1)
        let parts: [(colour: String, size: Int64)] =
            if let contents = layer.contents {
                [
                    ("pre", contents.prefetchEnd), ("rest", max(0, contents.dataEnd - contents.prefetchEnd)),
                    ("toc", Int64(contents.tocRange.count)),
                ]
            } else {
                [("rest", layer.size)]
            }
        let bars = parts.filter { $0.size > 0 }.map { part in
            let width = Fixed(min(100, Double(part.size) * 100 / Double(most)))
            return "<span class=\"\(part.colour)\" style=\"width:\(width)%\"></span>"
        }
        return "<td class=\"share\"><span class=\"bar\">\(bars.joined())</span></td>"
    }

    private func optionalCell(_ path: String, _ value: Int64?, _ text: (Int64) -> String) -> String {
        value.map { cell(path, $0, text($0)) } ?? "<td class=\"soft\">unknown</td>"
    }

    private func growthCell(_ path: String, _ growth: Growth?) -> String {
        guard let growth else { return "<td class=\"soft\">–</td>" }
        let value = growth.tenths < 0 ? growth.text : String(growth.text.dropFirst())
        return "<td data-path=\"\(path)\" data-value=\"\(value)\">\(growth.shown)</td>"
    }
}

/// A cell with a number of the report.
func cell(_ path: String, _ value: Int64, _ text: String) -> String {
    "<td data-path=\"\(path)\" data-value=\"\(value)\">\(text)</td>"
}

/// A number with two decimals: the same text on every machine.
struct Fixed: CustomStringConvertible {
    private let hundredths: Int64

    init(_ value: Double) {
        hundredths = Int64((min(max(value, 0), 1e9) * 100).rounded())
    }

    var description: String {
        let rest = hundredths % 100
        return rest == 0 ? "\(hundredths / 100)" : "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension String {
    /// As text or as the value of an attribute of HTML; control characters are gone already, or go here.
    var html: String {
        var text = ""
        for scalar in printable.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
