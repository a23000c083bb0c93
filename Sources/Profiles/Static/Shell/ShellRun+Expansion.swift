import Archive

/// What the words of a script stand for (POSIX, "Shell Command Language", 2.6).
extension ShellRun {
    private static let lengthLimit = 64 << 10

    /// A word as one text; `nil` when it cannot be told.
    func text(of word: ShellScript.Word) -> String? {
        var text = ""
        for part in word.parts {
            guard let more = self.text(of: part.piece), text.utf8.count + more.utf8.count <= Self.lengthLimit else {
                return nil
            }
            text += more
        }
        // What is short costs nothing.
        return files.spend(text.utf8.count / 256) ? text : nil
    }

    /// A word as a pattern: what is quoted stands for itself, as far as that can be said in one.
    func pattern(of word: ShellScript.Word) -> String {
        word.parts.map { part in
            let text = text(of: part.piece) ?? "*"
            return part.isQuoted ? text.map { "*?[".contains($0) ? "[\($0)]" : String($0) }.joined() : text
        }.joined()
    }

    /// A word as the arguments that it makes; `nil` when they cannot be told.
    func fields(of word: ShellScript.Word) -> [String]? {
        if word.parts.count == 1, case .variable(let name, let rest) = word.parts[0].piece, name == "@" || name == "*",
            rest.isEmpty
        {
            return arguments
        }
        // An empty text beside `"$@"` adds nothing.
        let others = word.parts.filter { $0.piece != .literal("") }
        if others.count == 1, others[0].piece == .variable(name: "@", rest: "") { return arguments }
        guard let text = text(of: word) else { return nil }
        let isQuoted = word.parts.contains { $0.isQuoted }
        guard !isQuoted else { return [text] }
        if word.plain == nil {
            return text.split(whereSeparator: \.isWhitespace).flatMap { matches(String($0)) }
        }
        return matches(text)
    }

    /// The paths that a pattern stands for, or the text itself.
    private func matches(_ text: String) -> [String] {
        guard text.contains("/"), PathPattern.isPattern(text) else { return [text] }
        let found = files.included(text, from: launch.directory).prefix(256).map { "/\($0.path)" }
        return found.isEmpty ? [text] : found
    }

    private func text(of piece: ShellScript.Piece) -> String? {
        switch piece {
        case .literal(let text): text
        case .output(let command): output(of: command)
        case .variable(let name, let rest):
            rest.isEmpty ? value(of: name) : value(of: name, changedBy: rest)
        }
    }

    /// What is printed by the few commands whose answer is known.
    private func output(of command: String) -> String? {
        guard depth < Self.depthLimit, spend(reading: command) else { return nil }
        depth += 1
        defer { depth -= 1 }
        var lexer = ShellLexer(command)
        var words: [String] = []
        for token in lexer.tokens() {
            guard case .word(let word) = token, let text = text(of: word) else { return nil }
            words.append(text)
        }
        switch words {
        case ["id", "-u"]: return launch.isRoot ? "0" : "1000"
        case ["pwd"]: return launch.directory.isRoot ? "/" : "/\(launch.directory)"
        default: break
        }
        guard words.count == 3, words[0] == "command", words[1] == "-v" else { return nil }
        return launch.program(named: words[2], in: files).map { "/\($0.path)" } ?? ""
    }

    /// `nil` when it cannot be told; what is not set is empty.
    private func value(of name: String) -> String? {
        switch name {
        case "0": return self.name
        case "#": return String(arguments.count)
        case "@", "*": return files.spend(arguments.count / 16) ? arguments.joined(separator: " ") : nil
        case "", "?", "$", "!", "-": return nil
        case "BASH_SOURCE": return self.name
        case "PWD": return launch.directory.isRoot ? "/" : "/\(launch.directory)"
        default: break
        }
        if let number = Int(name) { return number <= arguments.count && number > 0 ? arguments[number - 1] : "" }
        if let known = variables[name] { return known }
        return launch.environment[name] ?? ""
    }

    /// `${name…}`, with what stands behind the name.
    private func value(of name: String, changedBy rest: String) -> String? {
        if name.isEmpty, rest.hasPrefix("#") { return length(of: rest.dropFirst()) }
        if name == "FUNCNAME", let number = Int(rest.drop { $0 == "[" }.prefix { $0.isNumber }) {
            return number < callers.count ? callers[callers.count - 1 - number] : number == callers.count ? "main" : ""
        }
        let value = value(of: name)
        if let part = rest.first == ":" ? Self.part(of: value, at: rest.dropFirst()) : nil { return part }
        func word(_ text: Substring) -> String? {
            // A word in braces may hold others in braces.
            guard depth < Self.depthLimit, spend(reading: text) else { return nil }
            depth += 1
            defer { depth -= 1 }
            return self.text(of: Self.word(text))
        }
        let operators: [String] = [":-", ":=", ":+", ":?", "##", "%%", "-", "=", "+", "?", "#", "%", "[0]"]
        guard let sign = operators.first(where: rest.hasPrefix) else { return nil }
        let operand = rest.dropFirst(sign.count)
        guard let value else { return nil }
        switch sign {
        case ":-", ":=", "-", "=":
            let chosen = value.isEmpty ? word(operand) : value
            if sign.hasSuffix("="), value.isEmpty { set(name, to: .some(chosen)) }
            return chosen
        case ":+", "+": return value.isEmpty ? "" : word(operand)
        case ":?", "?", "[0]": return value
        default:
            let isEnd = sign.hasPrefix("%")
            return ShellPattern(word(operand) ?? "").removed(from: value, atEnd: isEnd, longest: sign.count == 2)
        }
    }

    /// Text within braces is a word of its own.
    private static func word(_ text: Substring) -> ShellScript.Word {
        var lexer = ShellLexer("\"\(text.filter { $0 != "\"" })\"")
        guard case .word(let word) = lexer.tokens().first else { return ShellScript.Word() }
        return word
    }

    /// `${#name}`
    private func length(of name: Substring) -> String? {
        if name == "FUNCNAME[@]" { return String(callers.isEmpty ? 0 : callers.count + 1) }
        if name == "@" || name == "*" { return String(arguments.count) }
        guard name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else { return nil }
        return value(of: String(name)).map { String($0.count) }
    }

    /// `${name:start:count}`; `nil` when these are no numbers.
    private static func part(of value: String?, at place: Substring) -> String? {
        let numbers = place.split(separator: ":", omittingEmptySubsequences: false).map {
            Int($0.trimming(\.isWhitespace))
        }
        guard let value, (1...2).contains(numbers.count), let start = numbers[0], start >= 0 else { return nil }
        let rest = value.dropFirst(start)
        guard numbers.count == 2 else { return String(rest) }
        return numbers[1].flatMap { $0 >= 0 ? String(rest.prefix($0)) : nil }
    }
}
