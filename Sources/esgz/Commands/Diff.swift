import Archive
import ArgumentParser
import Content
import Inspection

/// `esgz diff A B`
struct Diff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show which files differ between two images, without pulling them.",
        discussion: """
            Compares what containers see: kinds, contents, modes, owners, extended attributes, targets of links and \
            numbers of devices, but neither times nor which names share a file. The largest differences come first. \
            Contents are compared by the digests in the tables of contents.
            """)

    @Argument(help: ArgumentHelp("The image to start from.", valueName: "a"))
    var first: String

    @Argument(help: ArgumentHelp("The image to get to.", valueName: "b"))
    var second: String

    @OptionGroup var options: LookOptions

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let old = try await look.open(first)
            let new = try await look.open(second)
            let comparison = TreeComparison(
                from: ComparedTree(try await look.tree(of: old), of: old),
                to: ComparedTree(try await look.tree(of: new), of: new), isStrict: false)
            let differences = try await comparison.differences().sorted {
                let (left, right) = ($0.growth.magnitude, $1.growth.magnitude)
                return left == right ? $0.path < $1.path : left > right
            }
            try options.json ? Terminal.print(json(differences)) : Terminal.print(text(differences))
        }
    }

    private func json(_ differences: [TreeDifference]) -> JSON {
        JSON([
            "growth": .integer(differences.growth),
            "differences": .array(differences.map(\.json)),
        ])
    }

    private func text(_ differences: [TreeDifference]) -> String {
        let rows = differences.map { difference -> [String] in
            let name = "\(difference.path)".escaped
            switch (difference.before, difference.after) {
            case (nil, let after?): return ["+", after.size.byteCountText, name]
            case (let before?, nil): return ["-", before.size.byteCountText, name]
            case (let before, let after):
                let aspects = difference.aspects.map(\.rawValue).joined(separator: ", ")
                let sizes = [before, after].map { ($0?.size ?? 0).byteCountText }
                let size = sizes[0] == sizes[1] ? sizes[0] : sizes.joined(separator: " -> ")
                return ["~", size, "\(name) (\(aspects))"]
            }
        }
        let counts = [
            (differences.count { $0.before == nil }, "added"), (differences.count { $0.after == nil }, "removed"),
            (differences.count { $0.before != nil && $0.after != nil }, "changed"),
        ].map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        let growth = differences.growth
        let total = "\(counts); \(growth < 0 ? "-" : "+")\(abs(growth).byteCountText)"
        return rows.isEmpty ? total : Table.text(rows, alignedRight: [1]) + "\n" + total
    }
}

extension [TreeDifference] {
    /// Bytes that came, less those that went, in all.
    fileprivate var growth: Int64 { reduce(0) { $0.addingSaturated($1.growth) } }
}
