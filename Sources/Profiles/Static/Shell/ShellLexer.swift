/// Cuts a shell script into words and operators (POSIX, "Shell Command Language", 2.3).
struct ShellLexer {
    enum Token: Hashable {
        case word(ShellScript.Word)
        /// `;`, `&&`, `(` and so on; the end of a line is a `;`.
        case symbol(String)
    }

    private let text: [Character]
    private var position = 0
    /// The ends of the texts that begin behind this line.
    private var hereDocuments: [String] = []

    /// Longest first.
    private static let symbols = [";;&", "&&", "||", ";;", ";&", "|&", ";", "&", "|", "(", ")"]

    init(_ text: String) {
        // A line that goes on is one line.
        self.text = Array(text.replacing("\\\r\n", with: "").replacing("\\\n", with: ""))
    }

    /// All of them; redirections are left out.
    mutating func tokens() -> [Token] {
        var found: [Token] = []
        while position < text.count {
            let character = text[position]
            if character.isNewline {
                position += 1
                skipHereDocuments()
                found.append(.symbol(";"))
            } else if character.isWhitespace {
                position += 1
            } else if character == "#" {
                while position < text.count, !text[position].isNewline { position += 1 }
            } else if character == "<" || character == ">" {
                skipRedirection()
            } else if let symbol = Self.symbols.first(where: { text[position...].starts(with: $0) }) {
                position += symbol.count
                found.append(.symbol(symbol == "&" ? ";" : symbol))
            } else {
                let word = word()
                // The number of a descriptor belongs to the redirection behind it.
                let isDescriptor = word.plain?.allSatisfy(\.isNumber) == true
                let isRedirected = position < text.count && (text[position] == "<" || text[position] == ">")
                if !isDescriptor || !isRedirected { found.append(.word(word)) }
            }
        }
        return found
    }

    private mutating func skipRedirection() {
        let start = position
        while position < text.count, "<>&|-".contains(text[position]) { position += 1 }
        let symbol = String(text[start..<position])
        if position < text.count, text[position] == "(" {
            // `<(…)` is a command, which is seldom seen.
            position += 1
            _ = bracketed("(", ")")
            return
        }
        while position < text.count, text[position] == " " || text[position] == "\t" { position += 1 }
        guard !symbol.hasSuffix("-") || symbol.hasPrefix("<<") else { return }
        let target = word()
        if symbol.hasPrefix("<<"), !symbol.hasPrefix("<<<") {
            let end = target.parts.map { if case .literal(let text) = $0.piece { text } else { "" } }.joined()
            hereDocuments.append(end)
        }
    }

    private mutating func skipHereDocuments() {
        for end in hereDocuments {
            while position < text.count {
                let line = text[position...].prefix { !$0.isNewline }
                position += line.count + 1
                if String(line).trimming({ $0 == "\t" }) == end { break }
            }
        }
        hereDocuments = []
        position = min(position, text.count)
    }

    private mutating func word() -> ShellScript.Word {
        var word = ShellScript.Word()
        var literal = ""
        func isEnd(_ character: Character) -> Bool { character.isWhitespace || ";&|()<>".contains(character) }
        func flush() {
            if !literal.isEmpty { word.parts.append(.init(piece: .literal(literal), isQuoted: false)) }
            literal = ""
        }
        while position < text.count, !isEnd(text[position]) {
            let character = text[position]
            position += 1
            switch character {
            case "\\":
                if position < text.count {
                    flush()
                    word.parts.append(.init(piece: .literal(String(text[position])), isQuoted: true))
                    position += 1
                }
            case "'":
                flush()
                let quoted = text[position...].prefix { $0 != "'" }
                position = min(text.count, position + quoted.count + 1)
                word.parts.append(.init(piece: .literal(String(quoted)), isQuoted: true))
            case "\"":
                flush()
                word.parts += quotedParts()
            case "$":
                flush()
                word.parts.append(.init(piece: expansion(), isQuoted: false))
            case "`":
                flush()
                word.parts.append(.init(piece: .output(backquoted()), isQuoted: false))
            default: literal.append(character)
            }
        }
        flush()
        return word
    }

    private mutating func quotedParts() -> [ShellScript.Word.Part] {
        var parts: [ShellScript.Word.Part] = []
        var literal = ""
        while position < text.count, text[position] != "\"" {
            let character = text[position]
            position += 1
            switch character {
            case "\\":
                if position < text.count {
                    literal.append(text[position])
                    position += 1
                }
            case "$", "`":
                parts.append(.init(piece: .literal(literal), isQuoted: true))
                literal = ""
                parts.append(.init(piece: character == "$" ? expansion() : .output(backquoted()), isQuoted: true))
            default: literal.append(character)
            }
        }
        position = min(text.count, position + 1)
        return parts + [.init(piece: .literal(literal), isQuoted: true)]
    }

    private mutating func backquoted() -> String {
        let command = text[position...].prefix { $0 != "`" }
        position = min(text.count, position + command.count + 1)
        return String(command)
    }

    /// What stands behind a dollar sign.
    private mutating func expansion() -> ShellScript.Piece {
        guard position < text.count else { return .literal("$") }
        let character = text[position]
        if character == "(" {
            position += 1
            let inner = bracketed("(", ")")
            // `$((…))` is arithmetic.
            return inner.hasPrefix("(") ? .variable(name: "", rest: inner) : .output(inner)
        }
        if character == "{" {
            position += 1
            let inner = bracketed("{", "}")
            let first = inner.first.map { "@*#?$!".contains($0) } == true && inner.count == 1
            let name = first ? inner[...] : inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            return .variable(name: String(name), rest: String(inner.dropFirst(name.count)))
        }
        if "@*#?$!-0123456789".contains(character) {
            position += 1
            return .variable(name: String(character), rest: "")
        }
        let name = text[position...].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        guard !name.isEmpty else { return .literal("$") }
        position += name.count
        return .variable(name: String(name), rest: "")
    }

    /// What stands up to the closing bracket that belongs to one before; quoted brackets do not count.
    private mutating func bracketed(_ open: Character, _ close: Character) -> String {
        let start = position
        var depth = 1
        var quote: Character?
        while position < text.count {
            let character = text[position]
            position += 1
            if character == "\\" {
                position = min(text.count, position + 1)
            } else if let current = quote {
                if character == current { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == open {
                depth += 1
            } else if character == close {
                depth -= 1
                if depth == 0 { return String(text[start..<position - 1]) }
            }
        }
        return String(text[start..<position])
    }
}
