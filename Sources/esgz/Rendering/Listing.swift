import Archive
import Content
import Inspection

/// Lists files, one a line, or as a JSON array.
struct Listing {
    let isLong: Bool
    let isJSON: Bool

    /// Prints files under the names that `name` gives them.
    func show(_ nodes: [MergedTree.Node], in tree: MergedTree, named name: (EntryPath) -> String) throws {
        let reports = nodes.map { EntryReport($0, in: tree) }
        guard !isJSON else { return try Terminal.print(JSON.array(reports.map(\.json))) }
        let rows = reports.map { report in row(report, name(report.path)) }
        guard !rows.isEmpty else { return }
        try Terminal.print(Table.text(rows, alignedRight: [2]))
    }

    private func row(_ report: EntryReport, _ name: String) -> [String] {
        let entry = report.entry
        guard isLong else { return [name.escaped] }
        let size = entry.kind.deviceNumbers.map { "\($0.major), \($0.minor)" } ?? String(entry.size)
        let target = entry.kind.symlinkTarget.map { " -> \($0.escaped)" } ?? ""
        return [
            entry.modeText, "\(entry.user.id):\(entry.group.id)", size, entry.modifiedText, name.escaped + target,
        ]
    }
}

/// Text in columns.
enum Table {
    /// - Parameters:
    ///   - rows: cells of each line; all with as many as the first.
    ///   - alignedRight: columns of numbers.
    /// - Returns: lines without blanks at their ends, and without a line end at the last.
    static func text(_ rows: [[String]], alignedRight: Set<Int> = []) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        let lines = rows.map { row in
            let last = row.lastIndex { !$0.isEmpty } ?? 0
            return row[...last].enumerated().map { column, cell in
                let isLast = column == last
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return alignedRight.contains(column) ? padding + cell : isLast ? cell : cell + padding
            }.joined(separator: "  ")
        }
        return lines.joined(separator: "\n")
    }
}

extension Terminal {
    /// Writes JSON and a line end to stdout.
    static func print(_ json: JSON) throws {
        try print(json.shownText)
    }
}
