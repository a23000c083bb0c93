import Archive
import Content
import EStargz
import Inspection
import OCI

/// The part of a page for one layer: a picture of its blob, drawn to scale, and tables that say the same in words.
struct LayerSection {
    let layer: ReportedLayer
    /// In the JSON.
    let position: Int
    let needed: Set<Int>?

    /// The picture is so many units wide, whatever the page makes of them.
    private static let width = 1000.0

    var text: String {
        let head = "<h3>Layer \(layer.number) <code class=\"soft\">\(layer.descriptor.digest.short)</code></h3>"
        guard let contents = layer.contents else {
            return """
                <section class="layer">\(head)
                <p>\((layer.reasonText ?? "").html); all \(layer.size.byteCountText) are pulled before the start.</p>
                </section>
                """
        }
        return """
            <section class="layer">\(head)
            \(facts(contents))
            \(picture(contents))
            \(key(contents))
            \(tables(contents))
            </section>
            """
    }

    private func facts(_ contents: ReportedLayer.Contents) -> String {
        """
        <div class="facts"><span><b>\(layer.size.byteCountText)</b> in the registry</span>\
        <span><b>\(contents.fileCount)</b> files</span><span>\(fact("entries", contents.entryCount)) entries</span>\
        <span><b>\(contents.map.memberCount)</b> members</span><span>\(contents.format.rawValue)</span></div>
        """
    }

    private func fact(_ key: String, _ value: Int) -> String {
        "<b data-path=\"layers.\(position).\(key)\" data-value=\"\(value)\">\(value)</b>"
    }

    // MARK: The picture

    private func x(_ offset: Int64) -> Double {
        layer.size > 0 ? min(1, Double(offset) / Double(layer.size)) * Self.width : 0
    }

    private func rectangle(
        _ colour: String, _ range: Range<Int64>, _ top: Int, _ height: Int, _ title: String? = nil
    ) -> String {
        let (start, end) = (x(range.lowerBound), x(range.upperBound))
        let shape =
            "<rect class=\"\(colour)\" x=\"\(Fixed(start))\" y=\"\(top)\" width=\"\(Fixed(end - start))\" height=\"\(height)\""
        return title.map { "\(shape)><title>\($0.html)</title></rect>" } ?? "\(shape)/>"
    }

    private func picture(_ contents: ReportedLayer.Contents) -> String {
        let strip = LayerStrip(contents, size: layer.size, needed: needed)
        let table = contents.tocRange.clamped(to: 0..<layer.size)
        var shapes: [String] = []
        // A band of what is fetched when, and below it the files.
        shapes.append(rectangle("rest", contents.prefetchEnd..<contents.dataEnd, 0, 8))
        shapes.append(rectangle("pre", 0..<contents.prefetchEnd, 0, 8))
        shapes.append(rectangle("toc", table, 0, 64, "table of contents\n\(contents.tocSize.byteCountText)"))
        let files = strip.pieces.map { rectangle($0.kind.colour, $0.range, 12, 52, $0.title) }
        let mark = contents.prefetchEnd > 0 ? markShape(contents) : ""
        let label = """
            Layer \(layer.number), \(layer.size.byteCountText): \(contents.prefetchEnd.byteCountText) are prefetched, \
            the table of contents takes \(contents.tocSize.byteCountText).
            """
        return """
            \(markLabel(contents))
            <svg viewBox="0 0 1000 64" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" \
            aria-label="\(label.html)">
            \(shapes.joined(separator: "\n"))
            <g>
            \(files.joined(separator: "\n"))
            </g>
            \(mark)</svg>
            <div class="scale"><span>0</span><span>\(layer.size.byteCountText)</span></div>
            """
    }

    private func markShape(_ contents: ReportedLayer.Contents) -> String {
        // Three units, whatever the landmark itself takes.
        let centre = min(max(x(contents.prefetchEnd), 1.5), Self.width - 1.5)
        return "<rect class=\"line\" x=\"\(Fixed(centre - 1.5))\" y=\"0\" width=\"3\" height=\"64\"/>\n"
    }

    private func markLabel(_ contents: ReportedLayer.Contents) -> String {
        guard let landmark = contents.landmark, contents.prefetchEnd > 0 else { return "" }
        let percent = x(contents.prefetchEnd) / Self.width * 100
        return """
            <div class="mark"><span\(percent > 50 ? " class=\"right\"" : "") style="left:\(Fixed(percent))%">\
            \(percent > 50 ? "\(landmark.rawValue) ▾" : "▾ \(landmark.rawValue)")</span></div>
            """
    }

    // MARK: Words

    private func key(_ contents: ReportedLayer.Contents) -> String {
        let path = "layers.\(position)"
        let late = contents.map.files.filter {
            needed?.contains($0.entry) == true && $0.range.lowerBound >= contents.prefetchEnd
        }.totalCompressedSize
        let rows = [
            ("pre", "prefetched", "\(path).prefetchSize", contents.prefetchEnd),
            ("late", "in the profile, but not prefetched", nil, late),
            ("rest", "fetched when it is read", nil, max(0, contents.dataEnd - contents.prefetchEnd - late)),
            ("toc", "table of contents", "\(path).tocSize", contents.tocSize),
        ]
        let items = rows.filter { $0.3 > 0 || $0.0 == "pre" }.map { colour, name, path, size in
            let place = path.map { " data-path=\"\($0)\" data-value=\"\(size)\"" } ?? ""
            return "<li><i class=\"\(colour)\"></i>\(name), <b\(place)>\(size.byteCountText)</b></li>"
        }
        return "<ul class=\"key\">\n\(items.joined(separator: "\n"))\n</ul>"
    }

    private func tables(_ contents: ReportedLayer.Contents) -> String {
        guard !contents.map.files.isEmpty else { return "<p class=\"soft\">No file has data.</p>" }
        let dense = contents.map.dense
        var text = """
            <details open><summary>Largest files</summary>
            \(table(contents.map.largest(ImageReport.namedFiles), "largest", contents))
            </details>
            """
        if !dense.isEmpty {
            let path = "layers.\(position)"
            text += """

                <details><summary>Compression gains nothing in \
                <span data-path="\(path).denseFiles" data-value="\(dense.count)">\(dense.count)</span> files, \
                <span data-path="\(path).denseSize" data-value="\(dense.totalCompressedSize)">\
                \(dense.totalCompressedSize.byteCountText)</span></summary>
                \(table(dense.prefix(ImageReport.namedFiles), "densest", contents))
                </details>
                """
        }
        return text
    }

    private func table(
        _ files: ArraySlice<LayerMap.File>, _ key: String, _ contents: ReportedLayer.Contents
    ) -> String {
        let rows = files.enumerated().map { number, file in
            let path = "layers.\(position).\(key).\(number)"
            let kind: LayerStrip.Kind =
                file.range.lowerBound < contents.prefetchEnd
                ? .prefetched : needed?.contains(file.entry) == true ? .late : .other
            return """
                <tr><td class="t name"><code>\(file.path.description.escaped.html)</code></td>\
                \(cell("\(path).compressedSize", file.compressedSize, file.compressedSize.byteCountText))\
                \(cell("\(path).size", file.size, file.size.byteCountText))<td class="t">\(kind.name)</td></tr>
                """
        }
        return """
            <div class="scroll"><table><thead><tr><th class="t">file</th><th>compressed</th><th>size</th>\
            <th class="t">fetched</th></tr></thead><tbody>
            \(rows.joined(separator: "\n"))
            </tbody></table></div>
            """
    }
}

extension LayerStrip.Kind {
    fileprivate var colour: String {
        switch self {
        case .prefetched: "pre"
        case .late: "late"
        case .other: "rest"
        }
    }

    fileprivate var name: String {
        switch self {
        case .prefetched: "before the start"
        case .late: "soon after the start"
        case .other: "when it is read"
        }
    }
}

extension LayerStrip.Piece {
    /// What shows up when a mouse rests on it.
    fileprivate var title: String {
        let names =
            fileCount == 1
            ? first.description.escaped
            : "\(fileCount) files, \(first.description.escaped) to \(last.description.escaped)"
        return "\(names): \(compressedSize.byteCountText), \(size.byteCountText) uncompressed"
    }
}
