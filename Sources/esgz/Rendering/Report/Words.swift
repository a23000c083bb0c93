import Content
import Inspection
import OCI

/// Words and numbers that all forms of a report share.
extension ImageReport {
    /// The image, its platform and the beginning of its digest.
    var subtitle: String {
        [platform?.description.escaped, "\(layers.count) layer\(layers.count == 1 ? "" : "s")", manifest.description]
            .compactMap { $0 }.joined(separator: ", ")
    }

    /// What a start costs, in one sentence.
    var verdict: String {
        let full = "\(start.pull.bytes.byteCountText) in \(time(start.pull))"
        guard firstPulledLayer != layers.first?.number else {
            return "Not lazy: everything is pulled before the start, \(full)."
        }
        let before = "\(start.before.bytes.byteCountText) in \(time(start.before))"
        switch start.basis {
        case .profile:
            let ready = "\(start.ready.bytes.byteCountText) in \(time(start.ready))"
            return "Starts after \(before), and has read what the profile names after \(ready); pulling is \(full)."
        case .prefetched: return "Ready after \(before); pulling is \(full)."
        case .nothing:
            return "Starts after \(before); what the workload then reads takes a --profile to tell; pulling is \(full)."
        }
    }

    func time(_ cost: StartEstimate.Cost) -> String { cost.milliseconds(over: line).timeText }

    /// The rows that compare ways to start.
    var costs: [(key: String, name: String, cost: StartEstimate.Cost)] {
        [("before", "before the workload starts", start.before)]
            + (start.basis == .profile
                ? [("onDemand", "opened later", start.onDemand), ("ready", "both", start.ready)] : [])
            + [("pull", "pulling everything", start.pull)]
    }
}

extension Growth {
    /// With its sign and unit.
    var shown: String { "\(text) %" }
}

extension Int64 {
    /// Thousandths of a second for people.
    var timeText: String {
        guard self >= 1000 else { return "\(self) ms" }
        let hundredths = (self + 5) / 10
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s"
    }
}

extension ReportedLayer {
    /// Why the layer is not lazy, on one line.
    var reasonText: String? { reason.map { "not lazy: \($0.escaped)" } }
}
