import ArgumentParser

/// The speed of a line as typed: `100Mbit`, `1Gbps`, or bytes a second such as `12500000` and `10MiB`.
struct Bandwidth: ExpressibleByArgument, CustomStringConvertible {
    let bytesPerSecond: Int64

    private static let bits: [(prefix: String, factor: Int64)] = [
        ("k", 1000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000), ("", 1),
    ]

    init(bytesPerSecond: Int64) {
        self.bytesPerSecond = bytesPerSecond
    }

    init?(argument: String) {
        let text = argument.lowercased()
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count)
        guard
            let bits = Self.bits.first(where: {
                ["\($0.prefix)bit", "\($0.prefix)bit/s", "\($0.prefix)bps"].contains(unit)
            })
        else {
            let size = argument.hasSuffix("/s") ? String(argument.dropLast(2)) : argument
            guard let bytes = ByteCount(argument: size)?.bytes, bytes > 0 else { return nil }
            bytesPerSecond = bytes
            return
        }
        guard let number = Int64(digits) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: bits.factor)
        guard !overflow, product >= 8 else { return nil }
        bytesPerSecond = product / 8
    }

    var description: String {
        let (bits, overflow) = bytesPerSecond.multipliedReportingOverflow(by: 8)
        for (name, factor) in [("Gbit", Int64(1_000_000_000)), ("Mbit", 1_000_000), ("kbit", 1000)]
        where !overflow && bits % factor == 0 {
            return "\(bits / factor)\(name)"
        }
        return String(bytesPerSecond)
    }

    var defaultValueDescription: String { description }
}
