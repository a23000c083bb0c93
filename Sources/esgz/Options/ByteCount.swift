import ArgumentParser

/// A number of bytes as typed: `4194304`, `4MiB`, `64k`, `1GB`.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int64

    private static let factors: [(suffixes: [String], factor: Int64)] = [
        (["", "b"], 1), (["kb"], 1000), (["mb"], 1_000_000), (["gb"], 1_000_000_000), (["tb"], 1_000_000_000_000),
        (["k", "kib"], 1 << 10), (["m", "mib"], 1 << 20), (["g", "gib"], 1 << 30), (["t", "tib"], 1 << 40),
    ]

    init(_ bytes: Int64) {
        self.bytes = bytes
    }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let suffix = argument.dropFirst(digits.count).lowercased()
        guard let number = Int64(digits),
            let factor = Self.factors.first(where: { $0.suffixes.contains(suffix) })?.factor
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    var description: String {
        for (suffix, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes > 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(suffix)"
        }
        return String(bytes)
    }

    var defaultValueDescription: String { description }
}
