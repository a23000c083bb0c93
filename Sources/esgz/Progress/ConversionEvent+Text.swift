import Content
import Conversion
import OCI

extension ConversionEvent {
    /// The line that people see; `nil` for what is not worth one.
    func line(isPlain: Bool) -> String? {
        switch self {
        // Both repeat what images say.
        case .warning(let text): "warning: \(text.printable)"
        case .finished(let id, let report) where isPlain:
            "layer \(id.number)/\(id.total) \(id.digest.short): \(report.text)"
        default: nil
        }
    }

    /// The JSON object that scripts see; `nil` for bytes that pass.
    var json: JSON? {
        switch self {
        case .started(let id, let size): id.json("started", ["size": .integer(size)])
        case .entered(let id, let stage, let size):
            id.json("entered", ["stage": .string(stage.rawValue), "size": .integer(size)])
        case .advanced: nil
        case .finished(let id, let report): id.json("finished", ["report": report.json])
        case .warning(let text): JSON(["event": "warning", "text": .string(text)])
        }
    }
}

extension LayerID {
    fileprivate func json(_ event: String, _ fields: KeyValuePairs<String, JSON>) -> JSON {
        var json = JSON([
            "event": .string(event), "layer": .string(digest.description), "number": .integer(number),
            "total": .integer(total),
        ])
        for (key, value) in fields { json[key] = value }
        return json
    }
}

extension JSON {
    init(_ fields: KeyValuePairs<String, JSON>) {
        self = .object(Object())
        for (key, value) in fields { self[key] = value }
    }
}

extension LayerReport {
    /// What was done, with sizes before and after.
    var text: String { description.printable }

    private var description: String {
        switch action {
        case .convert:
            if let result {
                "converted, \(source.size.byteCountText) -> \(result.size.byteCountText)"
                    + (prefetchSize.map { ", \($0.byteCountText) of it first" } ?? "")
            } else {
                "would be converted, \(source.size.byteCountText)"
            }
        case .read: "read, \(source.size.byteCountText)"
        case .copy: "copied, \(source.size.byteCountText)" + (reason.map { ": \($0)" } ?? "")
        case .keep: "kept as it is, \(source.size.byteCountText): \(reason ?? "")"
        case .exists: "already there, \(source.size.byteCountText)"
        case .skip: "left out: \(reason ?? "")"
        }
    }
}
