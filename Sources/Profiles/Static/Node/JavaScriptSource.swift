/// The modules that a file of JavaScript asks for when it runs, by the names that it gives them.
///
/// Not a parser of the language: comments, strings, templates and regular expressions are told apart, and brackets
/// counted, to leave out what lies in functions. Functions that are called where they stand are no such.
struct JavaScriptSource {
    /// With `require("name")`.
    private(set) var required: [String] = []
    /// With `import … from "name"`, `export … from "name"` or `import("name")`.
    private(set) var imported: [String] = []

    private enum Token: Equatable {
        case name(String)
        case string(String)
        case sign(UInt8)
        /// A number, a regular expression or a template.
        case other
    }

    private let bytes: [UInt8]
    private var position = 0
    /// The last few tokens, the newest last.
    private var recent: [Token] = []
    /// For each open bracket, whether it holds the body of a function that runs later.
    private var brackets: [(open: UInt8, isFunction: Bool, before: [Token])] = []
    /// The tokens before the bracket that was closed last.
    private var beforeClosed: [Token] = []
    private var functionDepth = 0

    private static let recentLimit = 6
    private static let bracketLimit = 10_000
    private static let namesLimit = 20_000

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        while let token = next() {
            take(token)
            if brackets.count > Self.bracketLimit || required.count + imported.count > Self.namesLimit { break }
        }
        // Not needed any more.
        recent = []
        brackets = []
    }

    private mutating func take(_ token: Token) {
        switch token {
        case .sign(let sign) where "([{".utf8.contains(sign):
            let isFunction = sign == UInt8(ascii: "{") && beginsFunction()
            brackets.append((sign, isFunction, recent))
            if isFunction { functionDepth += 1 }
        case .sign(let sign) where ")]}".utf8.contains(sign):
            if let closed = brackets.popLast() {
                if closed.isFunction { functionDepth -= 1 }
                beforeClosed = closed.before
            }
        case .string(let name) where functionDepth == 0: noteModule(name)
        default: break
        }
        recent.append(token)
        if recent.count > Self.recentLimit { recent.removeFirst() }
    }

    /// A string that names a module, by what stands before it.
    private mutating func noteModule(_ name: String) {
        let last = recent.suffix(2)
        if last.elementsEqual([.name("require"), .sign(UInt8(ascii: "("))]) {
            // Not a method of something else.
            if recent.dropLast(2).last != .sign(UInt8(ascii: ".")) { required.append(name) }
        } else if last.elementsEqual([.name("import"), .sign(UInt8(ascii: "("))])
            || recent.last == .name("from") || recent.last == .name("import")
        {
            imported.append(name)
        }
    }

    /// Whether a brace opens the body of a function that is not called at once.
    private func beginsFunction() -> Bool {
        if recent.suffix(2).elementsEqual([.sign(UInt8(ascii: "=")), .sign(UInt8(ascii: ">"))]) { return true }
        guard recent.last == .sign(UInt8(ascii: ")")) else { return false }
        // What stands before the brackets of the parameters: `if (…) {` is no function, `name(…) {` is one.
        let before = beforeClosed
        guard case .name(let name) = before.last else { return false }
        if ["if", "for", "while", "switch", "catch", "with"].contains(name) { return false }
        // `(function (…) {` and `!function name(…) {` run where they stand.
        var rest = before[...]
        if name != "function" { rest = rest.dropLast() }
        guard rest.last == .name("function") else { return true }
        rest = rest.dropLast()
        if rest.last == .name("async") { rest = rest.dropLast() }
        return rest.last != .sign(UInt8(ascii: "!")) && !Self.beginsStatement(rest)
    }

    /// Whether a bracket stands at the start of a statement, as that around a function that is called at once.
    private static func beginsStatement(_ tokens: ArraySlice<Token>) -> Bool {
        guard tokens.last == .sign(UInt8(ascii: "(")) else { return false }
        switch tokens.dropLast().last {
        case nil, .string: return true
        case .sign(let sign): return ";}!{".utf8.contains(sign)
        default: return false
        }
    }

    // MARK: Tokens

    private mutating func next() -> Token? {
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
            case UInt8(ascii: "/") where starts(with: "//"): skip { $0 != UInt8(ascii: "\n") }
            case UInt8(ascii: "#") where position == 0: skip { $0 != UInt8(ascii: "\n") }
            case UInt8(ascii: "/") where starts(with: "/*"): skipComment()
            case UInt8(ascii: "/") where mayBeginExpression: return regularExpression()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): return string(byte)
            case UInt8(ascii: "`"): return template()
            case _ where Self.isNamePart(byte): return name()
            default:
                position += 1
                return .sign(byte)
            }
        }
        return nil
    }

    private func starts(with text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func skip(while isSkipped: (UInt8) -> Bool) {
        while position < bytes.count, isSkipped(bytes[position]) { position += 1 }
    }

    private mutating func skipComment() {
        position += 2
        while position < bytes.count, !starts(with: "*/") { position += 1 }
        position = min(bytes.count, position + 2)
    }

    /// Whether a slash is the start of a regular expression, not a division.
    private var mayBeginExpression: Bool {
        switch recent.last {
        case nil: true
        case .sign(let sign): !")]}".utf8.contains(sign)
        case .name(let name): ["return", "typeof", "case", "in", "of", "delete", "void", "throw", "new"].contains(name)
        case .string, .other: false
        }
    }

    private mutating func regularExpression() -> Token {
        position += 1
        var isInSet = false
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\\"): position = min(bytes.count, position + 1)
            case UInt8(ascii: "["): isInSet = true
            case UInt8(ascii: "]"): isInSet = false
            case UInt8(ascii: "/") where !isInSet:
                skip(while: Self.isNamePart)
                return .other
            default: break
            }
        }
        return .other
    }

    private mutating func string(_ quote: UInt8) -> Token {
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != quote, bytes[position] != UInt8(ascii: "\n") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        let end = min(position, bytes.count)
        position = min(bytes.count, position + 1)
        // No module has a longer name.
        return end - start <= 4096 ? .string(String(decoding: bytes[start..<end], as: UTF8.self)) : .other
    }

    /// Templates are passed over with the expressions in them.
    private mutating func template() -> Token {
        position += 1
        var depth = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\\"): position = min(bytes.count, position + 1)
            case UInt8(ascii: "{") where depth > 0 || position > 1 && bytes[position - 2] == UInt8(ascii: "$"):
                depth += 1
            case UInt8(ascii: "}") where depth > 0: depth -= 1
            case UInt8(ascii: "`") where depth == 0: return .other
            default: break
            }
        }
        return .other
    }

    private mutating func name() -> Token {
        let start = position
        skip(while: Self.isNamePart)
        let text = bytes[start..<position]
        if text.first.map({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) == true || text.count > 256 {
            return .other
        }
        return .name(String(decoding: text, as: UTF8.self))
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
            true
        default: false
        }
    }
}
