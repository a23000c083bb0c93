import Archive

/// A condition of `test`, `[` or `[[`, answered from the image.
struct ShellTest {
    /// `nil` when it cannot be told.
    let value: Bool?

    /// More than a condition has that somebody wrote.
    static let operandsLimit = 256

    /// - Parameters:
    ///   - operands: what stands between the brackets; `nil` for what cannot be told.
    ///   - run: the script.
    init(_ operands: [String?], in run: ShellRun) {
        value = operands.count <= Self.operandsLimit ? Self.value(of: operands[...], in: run) : nil
    }

    private static func value(of operands: ArraySlice<String?>, in run: ShellRun) -> Bool? {
        for (sign, stops) in [("||", true), ("-o", true), ("&&", false), ("-a", false)] {
            let parts = operands.split(separator: .some(sign))
            guard parts.count > 1, operands.count > 3 else { continue }
            let values = parts.map { value(of: $0, in: run) }
            if values.contains(stops) { return stops }
            return values.contains(nil) ? nil : !stops
        }
        var words = operands
        var isNegated = false
        while words.count > 1, words.first == .some("!") {
            words.removeFirst()
            isNegated.toggle()
        }
        return value(ofOne: Array(words), in: run).map { $0 != isNegated }
    }

    /// A condition without others in it.
    private static func value(ofOne words: [String?], in run: ShellRun) -> Bool? {
        switch words.count {
        case 0: return false
        case 1: return words[0].map { !$0.isEmpty }
        case 2: return words[0].flatMap { sign in words[1].flatMap { unary(sign, $0, in: run) } }
        case 3:
            guard let left = words[0], let sign = words[1], let right = words[2] else { return nil }
            return binary(left, sign, right)
        default: return nil
        }
    }

    private static func unary(_ sign: String, _ operand: String, in run: ShellRun) -> Bool? {
        switch sign {
        case "-n": return !operand.isEmpty
        case "-z": return operand.isEmpty
        default: break
        }
        // An empty path leads nowhere.
        let node = run.files.find(operand, from: run.launch.directory)
        let kind = node.map(run.files.tree.kind)
        switch sign {
        case "-e", "-r", "-w": return node != nil
        case "-d": return kind == .directory
        case "-f": return node.flatMap(run.files.size) != nil
        case "-s": return node.map { (run.files.size(of: $0) ?? 1) > 0 } ?? false
        case "-x": return node.map { run.files.tree.entry(of: $0).mode & 0o111 != 0 } ?? false
        case "-S", "-p", "-t": return false
        default: return nil
        }
    }

    private static func binary(_ left: String, _ sign: String, _ right: String) -> Bool? {
        switch sign {
        case "=", "==": return right.contains("*") ? ShellPattern(right).matches(left) : left == right
        case "!=": return right.contains("*") ? !ShellPattern(right).matches(left) : left != right
        default: break
        }
        guard let left = Int(left), let right = Int(right) else { return nil }
        return switch sign {
        case "-eq": left == right
        case "-ne": left != right
        case "-lt": left < right
        case "-le": left <= right
        case "-gt": left > right
        case "-ge": left >= right
        default: nil
        }
    }
}
