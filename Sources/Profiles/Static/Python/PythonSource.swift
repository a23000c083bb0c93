/// The statements of a Python file that say what is imported when it runs, and when.
///
/// Not a parser of the language: strings, comments and brackets are told apart, blocks by their indentation, and the
/// rest is passed over. What lies in functions runs later, and is left out.
struct PythonSource {
    /// An `import` or `from … import …`.
    struct Import: Hashable {
        /// How many dots stand before the name.
        var level = 0
        /// `a.b` is two.
        var module: [String]
        /// What is taken from the module, which may be modules in it; `nil` for the plain form.
        var names: [String]?
    }

    /// A part of a statement that runs only when its header says so.
    struct Branch: Hashable {
        /// What stands between keyword and colon.
        let header: String
        let body: [Statement]
    }

    indirect enum Statement: Hashable {
        case importing(Import)
        /// Statements that run, such as those of a class.
        case body([Statement])
        /// `if`, each `elif`, and `else`, whose header is empty.
        case choice([Branch])
        case attempt(body: [Statement], handlers: [Branch], otherwise: [Statement])
    }

    let statements: [Statement]

    /// Deeper blocks than Python allows.
    private static let depthLimit = 100
    /// More branches than anybody writes.
    private static let branchLimit = 256
    private static let keywords: Set = [
        "if", "elif", "else", "try", "except", "finally", "with", "for", "while", "class", "def", "async",
    ]

    init(_ bytes: [UInt8]) {
        var lines = PythonLines(bytes).lines[...]
        statements = Self.statements(&lines, indentedBy: -1, depth: 0)
    }

    /// Takes the lines that stand further in than a header.
    private static func statements(
        _ lines: inout ArraySlice<PythonLines.Line>, indentedBy outer: Int, depth: Int
    ) -> [Statement] {
        var found: [Statement] = []
        while let line = lines.first, line.indentation > outer {
            lines.removeFirst()
            let keyword = String(line.text.prefix { $0.isLetter })
            guard keywords.contains(keyword), let colon = line.colon else {
                found += imports(in: line.text)
                continue
            }
            let header = line.text.utf8.prefix(colon).dropFirst(keyword.utf8.count)
            let rest = String(decoding: line.text.utf8.dropFirst(colon + 1), as: UTF8.self)
            var body = imports(in: rest.trimming(\.isWhitespace))
            if depth < depthLimit {
                body += statements(&lines, indentedBy: line.indentation, depth: depth + 1)
            }
            append(Branch(header: String(decoding: header, as: UTF8.self), body: body), keyword, to: &found)
        }
        return found
    }

    /// Puts a block behind the one that it belongs to.
    private static func append(_ branch: Branch, _ keyword: String, to statements: inout [Statement]) {
        switch (keyword, statements.last) {
        case ("def", _), ("async", _): break
        case ("if", _): statements.append(.choice([branch]))
        case ("try", _): statements.append(.attempt(body: branch.body, handlers: [], otherwise: []))
        case ("elif", .choice(let branches)), ("else", .choice(let branches)):
            if branches.count < branchLimit { statements[statements.count - 1] = .choice(branches + [branch]) }
        case ("except", .attempt(let body, let handlers, let otherwise)):
            guard handlers.count < branchLimit else { break }
            statements[statements.count - 1] = .attempt(body: body, handlers: handlers + [branch], otherwise: otherwise)
        case ("else", .attempt(let body, let handlers, _)):
            statements[statements.count - 1] = .attempt(body: body, handlers: handlers, otherwise: branch.body)
        default: statements.append(.body(branch.body))
        }
    }

    /// The imports of a simple statement.
    private static func imports(in text: String) -> [Statement] {
        let words = text.split { $0.isWhitespace }
        if words.first == "import" {
            let rest = words.dropFirst().joined(separator: " ")
            return rest.split(separator: ",").compactMap { part in
                guard let name = part.split(separator: " ").first else { return nil }
                return .importing(Import(module: name.split(separator: ".").map(String.init)))
            }
        }
        if words.first?.hasPrefix("from") == true, words.first == "from" || words.first?.hasPrefix("from.") == true {
            return importsFrom(text.dropFirst(4))
        }
        return dynamicImports(in: text)
    }

    /// What follows `from`: `.a.b import c as d, e`, perhaps in brackets.
    private static func importsFrom(_ text: Substring) -> [Statement] {
        let text = text.drop { $0.isWhitespace }
        let dots = text.prefix { $0 == "." || $0.isWhitespace }
        let afterDots = text.dropFirst(dots.count)
        // `from . import x` has no name between.
        let module = afterDots.hasPrefix("import") && !dots.isEmpty ? "" : afterDots.prefix { !$0.isWhitespace }
        let rest = afterDots.dropFirst(module.count).drop { $0.isWhitespace }
        guard rest.hasPrefix("import") else { return [] }
        let names = rest.dropFirst("import".count).split { $0 == "," || $0 == "(" || $0 == ")" }.compactMap {
            $0.split { $0.isWhitespace }.first.map(String.init)
        }
        return [
            .importing(
                Import(
                    level: dots.count { $0 == "." }, module: module.split(separator: ".").map(String.init), names: names
                ))
        ]
    }

    /// `import_module("name")` and `__import__("name")` with a plain name, however they are called.
    private static func dynamicImports(in text: String) -> [Statement] {
        guard text.contains("import") else { return [] }
        return ["import_module(", "__import__("].flatMap { call in
            text.split(separator: call, omittingEmptySubsequences: false).dropFirst().compactMap { rest -> Statement? in
                guard let quote = rest.first, quote == "\"" || quote == "'" else { return nil }
                let name = rest.dropFirst().prefix { $0 != quote }
                guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }) else {
                    return nil
                }
                let dots = name.prefix { $0 == "." }.count
                return .importing(Import(level: dots, module: name.split(separator: ".").map(String.init)))
            }
        }
    }
}
