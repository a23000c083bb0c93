import ArgumentParser

/// A span of time as typed: `5ms`, `30s`, `2m`, `1h`, `1m30s`; a number without a unit counts seconds.
struct TimeSpan: ExpressibleByArgument, FormedArgument, CustomStringConvertible {
    static let form = "a time such as 500ms, 30s or 1m30s"

    let milliseconds: Int64

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60000), ("s", 1000), ("ms", 1),
    ]

    init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    init?(argument: String) {
        var rest = argument[...]
        var sum: Int64 = 0
        repeat {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            var unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            if unit.isEmpty, digits.count == argument.count { unit = "s" }
            guard let number = Int64(digits), let factor = Self.units.first(where: { $0.name == unit })?.milliseconds
            else { return nil }
            let (part, overflow) = number.multipliedReportingOverflow(by: factor)
            let (total, overflowOfSum) = sum.addingReportingOverflow(part)
            guard !overflow, !overflowOfSum else { return nil }
            sum = total
        } while !rest.isEmpty
        milliseconds = sum
    }

    var duration: Duration { .milliseconds(milliseconds) }

    var description: String {
        for (name, factor) in Self.units where milliseconds > 0 && milliseconds % factor == 0 {
            return "\(milliseconds / factor)\(name)"
        }
        return "\(milliseconds)ms"
    }

    var defaultValueDescription: String { description }
}
