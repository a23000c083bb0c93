/// Puts the words of a shell script together to commands. What it does not understand, it passes over.
struct ShellParser {
    private typealias Word = ShellScript.Word
    private typealias Command = ShellScript.Command

    private var tokens: ArraySlice<ShellLexer.Token>
    private var depth = 0

    private static let depthLimit = 120

    init(_ text: String) {
        var lexer = ShellLexer(text)
        tokens = lexer.tokens()[...]
    }

    /// All of its commands.
    mutating func script() -> [ShellScript.Command] {
        var found: [Command] = []
        while !tokens.isEmpty {
            found += commands(until: [])
            // A word that ends a block that never began.
            skip()
        }
        return found
    }

    /// Commands up to one of some words or symbols at the place of a command, which stays.
    private mutating func commands(until ends: Set<String>) -> [Command] {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else {
            tokens = []
            return []
        }
        let closing: Set = ["then", "do", "done", "fi", "elif", "else", "esac", "}", ")", ";;", ";&", ";;&"]
        var found: [Command] = []
        while let token = tokens.first {
            if token == .symbol(";") {
                skip()
                continue
            }
            if let text = Self.text(token), ends.contains(text) || closing.contains(text) { break }
            guard let command = list() else {
                skip()
                continue
            }
            found.append(command)
        }
        return found
    }

    /// Commands with `&&` and `||` between them.
    private mutating func list() -> Command? {
        guard let first = pipeline() else { return nil }
        var links: [ShellScript.Link] = []
        while case .symbol(let symbol) = tokens.first, symbol == "&&" || symbol == "||" {
            skip()
            skipLineEnds()
            guard let command = pipeline() else { break }
            links.append(ShellScript.Link(afterSuccess: symbol == "&&", command: command))
        }
        return links.isEmpty ? first : .chain(first, links)
    }

    private mutating func pipeline() -> Command? {
        var isNegated = false
        while Self.text(tokens.first) == "!" {
            skip()
            isNegated.toggle()
        }
        guard let command = members() else { return nil }
        return isNegated ? .negation(command) : command
    }

    private mutating func members() -> Command? {
        guard let first = command() else { return nil }
        var members = [first]
        while case .symbol(let symbol) = tokens.first, symbol == "|" || symbol == "|&" {
            skip()
            skipLineEnds()
            guard let next = command() else { break }
            members.append(next)
        }
        return members.count == 1 ? first : .pipe(members)
    }

    private mutating func command() -> Command? {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.depthLimit else {
            tokens = []
            return nil
        }
        switch Self.text(tokens.first) {
        case "(":
            skip()
            return .group(block(until: ")"))
        case "{":
            skip()
            return .group(block(until: "}"))
        case "if": return choice()
        case "while", "until":
            skip()
            let condition = commands(until: ["do"])
            take("do")
            return .repetition(ShellScript.Branch(condition: condition, body: block(until: "done")))
        case "for", "select": return loop()
        case "case": return cases()
        case "function":
            skip()
            return function()
        default:
            if tokens.dropFirst().first == .symbol("("), tokens.dropFirst(2).first == .symbol(")") {
                return function()
            }
            return simple()
        }
    }

    private mutating func simple() -> Command? {
        var words: [Word] = []
        let isTest = Self.text(tokens.first) == "[["
        while let token = tokens.first {
            if case .word(let word) = token {
                words.append(word)
            } else if isTest, case .symbol(let symbol) = token, symbol != ";" {
                // Within `[[ … ]]` these are words.
                words.append(Word(parts: [.init(piece: .literal(symbol), isQuoted: false)]))
            } else {
                break
            }
            skip()
            if isTest, words.last?.plain == "]]" { break }
        }
        return words.isEmpty ? nil : .simple(words)
    }

    private mutating func choice() -> Command {
        var branches: [ShellScript.Branch] = []
        while Self.text(tokens.first) == "if" || Self.text(tokens.first) == "elif" {
            skip()
            let condition = commands(until: ["then"])
            take("then")
            branches.append(.init(condition: condition, body: commands(until: ["elif", "else", "fi"])))
        }
        var otherwise: [Command] = []
        if Self.text(tokens.first) == "else" {
            skip()
            otherwise = commands(until: ["fi"])
        }
        take("fi")
        return .choice(branches, otherwise: otherwise)
    }

    private mutating func loop() -> Command {
        skip()
        let name = Self.text(tokens.popFirst()) ?? ""
        var words: [Word] = [
            // Without a list, the arguments.
            Word(parts: [.init(piece: .variable(name: "@", rest: ""), isQuoted: true)])
        ]
        skipLineEnds()
        if Self.text(tokens.first) == "in" {
            skip()
            words = []
            while case .word(let word) = tokens.first {
                words.append(word)
                skip()
            }
        }
        _ = commands(until: ["do"])
        take("do")
        return .loop(variable: name, words, body: block(until: "done"))
    }

    private mutating func cases() -> Command {
        skip()
        guard case .word(let subject) = tokens.popFirst() else { return .group([]) }
        skipLineEnds()
        take("in")
        var found: [ShellScript.Case] = []
        while let token = tokens.first, Self.text(token) != "esac" {
            guard token != .symbol(";"), token != .symbol("("), token != .symbol("|") else {
                skip()
                continue
            }
            var patterns: [Word] = []
            while let token = tokens.popFirst(), token != .symbol(")") {
                if case .word(let word) = token { patterns.append(word) }
            }
            found.append(.init(patterns: patterns, body: commands(until: ["esac"])))
            if case .symbol = tokens.first { skip() }
        }
        take("esac")
        return .cases(subject, found)
    }

    private mutating func function() -> Command? {
        guard let name = Self.text(tokens.popFirst()) else { return nil }
        if tokens.first == .symbol("(") { tokens.removeFirst(min(2, tokens.count)) }
        skipLineEnds()
        return command().map { .function(name: name, body: $0) }
    }

    private mutating func block(until end: String) -> [Command] {
        let found = commands(until: [end])
        take(end)
        return found
    }

    private mutating func take(_ text: String) {
        if Self.text(tokens.first) == text { skip() }
    }

    private mutating func skip() {
        _ = tokens.popFirst()
    }

    private mutating func skipLineEnds() {
        while tokens.first == .symbol(";") { skip() }
    }

    private static func text(_ token: ShellLexer.Token?) -> String? {
        switch token {
        case .word(let word): word.plain
        case .symbol(let symbol): symbol
        case nil: nil
        }
    }
}
