/// What an `if` at the start of a Python file asks, as far as the image answers it.
struct PythonCondition {
    let version: PythonInstallation.Version
    /// Whether the file is the program itself.
    let isMain: Bool

    /// Longer conditions do not depend on the image alone.
    private static let lengthLimit = 1024

    /// `nil` when it cannot be told.
    func value(of text: String) -> Bool? {
        guard text.utf8.count <= Self.lengthLimit else { return nil }
        let text = Self.withoutBrackets(text.trimming(\.isWhitespace))
        if let parts = Self.split(text, at: " or ") { return Self.any(parts.map(value)) }
        if let parts = Self.split(text, at: " and ") {
            return Self.any(parts.map { value(of: $0).map(!) }).map(!)
        }
        var rest = text[...]
        var isNegated = false
        while rest.hasPrefix("not ") {
            rest = rest.dropFirst(4).drop(while: \.isWhitespace)
            isNegated.toggle()
        }
        if rest.count < text.count { return value(of: String(rest)).map { $0 != isNegated } }
        switch text {
        case "TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING", "False", "0": return false
        case "True", "1", "__debug__": return true
        default: break
        }
        for comparison in ["==", "!=", ">=", "<=", ">", "<"] {
            let sides = text.split(separator: comparison, maxSplits: 1).map { $0.trimming(\.isWhitespace) }
            guard sides.count == 2 else { continue }
            return value(of: sides[0], comparison, sides[1])
        }
        if text.hasPrefix("sys.platform.startswith(") { return text.contains("linux") }
        return nil
    }

    private func value(of left: String, _ comparison: String, _ right: String) -> Bool? {
        let known = ["__name__": isMain ? "__main__" : "", "sys.platform": "linux", "os.name": "posix"]
        if let value = known[left], let quote = right.first, quote == "\"" || quote == "'" {
            let isEqual = right.dropFirst().dropLast() == value
            return comparison == "==" ? isEqual : comparison == "!=" ? !isEqual : nil
        }
        guard left.hasPrefix("sys.version_info") else { return nil }
        // `sys.version_info[0] == 2` as well as `sys.version_info[:2] >= (3, 8)`.
        let numbers = right.split { !$0.isNumber }.compactMap { Int($0) }.prefix(2)
        guard let major = numbers.first, (2...9).contains(major) else { return nil }
        let minor = numbers.dropFirst().first
        let own = (
            version.major, minor == nil && (left.contains("[0]") || left.hasSuffix(".major")) ? 0 : version.minor
        )
        let other = (major, minor ?? 0)
        return switch comparison {
        case "==": own == other
        case "!=": own != other
        case ">=": own >= other
        case ">": own > other
        case "<=": own <= other
        default: own < other
        }
    }

    private static func any(_ values: [Bool?]) -> Bool? {
        if values.contains(true) { return true }
        return values.contains(nil) ? nil : false
    }

    /// Brackets around all of it.
    private static func withoutBrackets(_ text: String) -> String {
        guard text.hasPrefix("("), text.hasSuffix(")"), !text.dropFirst().dropLast().contains("(") else { return text }
        return String(text.dropFirst().dropLast())
    }

    /// Parts outside brackets; `nil` when there is but one.
    private static func split(_ text: String, at separator: String) -> [String]? {
        guard !text.contains("("), case let parts = text.split(separator: separator), parts.count > 1 else {
            return nil
        }
        return parts.map(String.init)
    }
}
