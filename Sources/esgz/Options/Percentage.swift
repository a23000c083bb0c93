import ArgumentParser
import Inspection

/// A share as typed: `5`, `5%` or `2.5%`; in tenths of a percent.
struct Percentage: ExpressibleByArgument, CustomStringConvertible {
    let tenths: Int64

    init?(argument: String) {
        let number = argument.hasSuffix("%") ? argument.dropLast() : argument[...]
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts[0].utf8.count <= 9,
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let whole = Int64(parts[0]), let tenth = parts.count == 2 ? Int64(parts[1]) : 0, tenth < 10,
            parts.count == 1 || parts[1].utf8.count == 1
        else { return nil }
        tenths = whole * 10 + tenth
    }

    var description: String { "\(tenths / 10).\(tenths % 10) %" }
}
