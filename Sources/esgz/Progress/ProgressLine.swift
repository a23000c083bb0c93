import Content
import Conversion

/// A layer in work, as one line on the terminal.
struct ProgressLine {
    let id: LayerID
    var stage: ConversionEvent.Stage?
    var done: Int64 = 0
    var total: Int64

    /// Fits into `width` columns, giving up the bar first, then the sizes.
    func text(width: Int) -> String {
        let name = "layer \(id.number)/\(id.total) \(id.digest.short)"
        // Layers are read one after the other: one that has not moved waits for its turn.
        let stage = stage == .convert && done == 0 ? nil : stage
        let doing = stage.map { " \($0.doing)" } ?? " waiting"
        let percent = total > 0 ? min(100, done * 100 / total) : 0
        let share = stage == nil ? "" : " \(percent)%"
        let sizes = stage == nil ? " \(total.byteCountText)" : " \(done.byteCountText) of \(total.byteCountText)"
        let filled = Int(percent / 5)
        let bar = " [" + String(repeating: "=", count: filled) + String(repeating: " ", count: 20 - filled) + "]"
        for candidate in [name + bar + share + doing + sizes, name + share + doing + sizes, name + share + doing]
        where candidate.count < width {
            return candidate
        }
        return String((name + share).prefix(max(0, width - 1)))
    }
}

extension ConversionEvent.Stage {
    fileprivate var doing: String {
        switch self {
        case .convert: "converting"
        case .fetch: "fetching"
        case .copy: "copying"
        case .push: "pushing"
        }
    }
}
