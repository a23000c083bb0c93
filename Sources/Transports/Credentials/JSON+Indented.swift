import Content

extension JSON {
    /// Text with one member or element on a line, as programs write files that people read.
    func text(indentedBy unit: String, depth: Int = 0) -> String {
        let separator = "\n" + String(repeating: unit, count: depth + 1)
        let end = "\n" + String(repeating: unit, count: depth)
        switch self {
        case .object(let object) where !object.members.isEmpty:
            let members = object.members.map { member in
                JSON.string(member.key).line + ": " + member.value.text(indentedBy: unit, depth: depth + 1)
            }
            return "{" + separator + members.joined(separator: "," + separator) + end + "}"
        case .array(let array) where !array.isEmpty:
            let elements = array.map { $0.text(indentedBy: unit, depth: depth + 1) }
            return "[" + separator + elements.joined(separator: "," + separator) + end + "]"
        default: return line
        }
    }

    private var line: String { String(decoding: text, as: UTF8.self) }
}
