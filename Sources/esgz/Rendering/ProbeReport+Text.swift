import Transports

extension ProbeReport {
    /// A table, what is left behind, and the verdict.
    var text: String {
        let rows = findings.map { ["  " + $0.check.name, $0.outcome.rawValue, $0.detail] }
        var lines = ["\(repository):", Table.text(rows)]
        lines += leftovers.map { "left behind: \($0.kind)/\($0.digest) (\($0.reason))" }
        let untested = findings.filter { $0.check.isNeededForLaziness && $0.outcome == .untested }
        if !obstacles.isEmpty {
            lines += obstacles.map { "NOT LAZY: \($0.check.name): \($0.detail)" }
        } else if untested.isEmpty {
            lines.append("LAZY: containerd can mount images from here before it has pulled them")
        } else {
            lines.append("LAZY, as far as it could be tested; not tested: " + untested.names)
        }
        return lines.joined(separator: "\n")
    }
}

extension [ProbeReport.Finding] {
    fileprivate var names: String { map(\.check.name).joined(separator: ", ") }
}

extension ProbeReport.Check {
    fileprivate var name: String {
        switch self {
        case .redirect, .size, .mount, .manifest, .annotations, .index, .referrers: rawValue
        case .range: "one range"
        case .ranges: "several ranges"
        case .whole: "push in one piece"
        case .chunks: "push in chunks"
        }
    }
}
