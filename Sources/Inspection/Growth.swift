import Content

/// How much more the new bytes are, in tenths of a percent.
package struct Growth: Hashable, Comparable, Sendable {
    package let tenths: Int64

    package init(tenths: Int64) {
        self.tenths = tenths
    }

    /// - Returns: `nil` when there was nothing that could grow.
    package init?(from old: Int64, to new: Int64) {
        guard old > 0 else { return nil }
        tenths = Int64(min((Double(new - old) * 1000 / Double(old)).rounded(), 1e15))
    }

    /// As a percentage with one decimal and a sign, such as `+2.5`.
    package var text: String { (tenths < 0 ? "-" : "+") + "\(tenths.magnitude / 10).\(tenths.magnitude % 10)" }

    /// In percent, as in `text`.
    package var json: JSON { .number((tenths < 0 ? "-" : "") + text.dropFirst()) }

    package static func < (first: Growth, second: Growth) -> Bool { first.tenths < second.tenths }
}
