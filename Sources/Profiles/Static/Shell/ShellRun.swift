import Archive

/// Runs a shell script as far as the image tells what it would do, to see which programs it starts.
///
/// Conditions that the image answers are answered: what the arguments and variables are, and which files are there.
/// Where one cannot be answered, both ways count as possible: programs that stand there are left out, since most are
/// for another day, but not those that take the place of the shell.
final class ShellRun {
    /// How a command ended; `nil` when that cannot be told.
    typealias Success = Bool?

    let walk: StaticWalk
    var launch: Launch
    /// `$0`.
    let name: String
    /// `$1` and so on.
    var arguments: [String]
    /// What the script has set; `nil` for what cannot be told.
    private(set) var variables: [String: String?] = [:]
    private var variableBytes = 0
    private var functions: [String: ShellScript.Command] = [:]
    /// The functions that are running, the innermost last.
    private(set) var callers: [String] = []
    private var sourced: Set<EntryPath> = []
    private var isDone = false
    private var remainingSteps = 20_000
    /// Of commands in commands, and of words in words.
    var depth = 0

    static let depthLimit = 40
    /// Of the arguments of a command; Linux takes more, but scripts that have as many do not end soon.
    private static let argumentLimit = 4096
    private static let argumentBytesLimit = 256 << 10
    /// Of all variables, in bytes: every program that is started gets them.
    private static let variableBytesLimit = 1 << 20

    var files: VisitedFiles { walk.files }

    /// - Parameters:
    ///   - walk: starts the programs.
    ///   - launch: how the shell was started.
    ///   - name: of the script.
    ///   - arguments: of the script.
    init(_ walk: StaticWalk, _ launch: Launch, name: String, arguments: [String]) {
        self.walk = walk
        self.launch = launch
        self.name = name
        self.arguments = arguments
    }

    /// Runs a whole script.
    ///
    /// - Throws: when the image cannot be read.
    func run(_ text: String) async throws {
        _ = try await run(ShellScript(text).commands, isCertain: true)
    }

    /// Runs commands in order, of which it may be uncertain whether they run at all.
    @discardableResult
    private func run(_ commands: [ShellScript.Command], isCertain: Bool) async throws -> Success {
        var success: Success = true
        for command in commands where !isDone { success = try await run(command, isCertain: isCertain) }
        return success
    }

    private func run(_ command: ShellScript.Command, isCertain: Bool) async throws -> Success {
        try Task.checkCancellation()
        guard remainingSteps > 0, depth < Self.depthLimit, !files.isExhausted else { return nil }
        remainingSteps -= 1
        depth += 1
        defer { depth -= 1 }
        switch command {
        case .simple(let words): return try await runSimple(words, isCertain: isCertain)
        case .negation(let inner): return try await run(inner, isCertain: isCertain).map(!)
        case .chain(let first, let links):
            var success = try await run(first, isCertain: isCertain)
            for link in links where !isDone && success != !link.afterSuccess {
                let isKnown = success != nil
                let next = try await run(link.command, isCertain: isCertain && isKnown)
                success = isKnown ? next : nil
            }
            return success
        case .pipe(let members):
            var success: Success = true
            for member in members where !isDone { success = try await run(member, isCertain: isCertain) }
            return success
        case .group(let inner): return try await run(inner, isCertain: isCertain)
        case .function(let name, let body):
            functions[name] = body
            return true
        case .choice(let branches, let otherwise):
            return try await choose(branches, otherwise: otherwise, isCertain: isCertain)
        case .cases(let subject, let cases): return try await choose(cases, for: subject, isCertain: isCertain)
        case .loop(let variable, let words, let body):
            for value in self.arguments(of: words[...], orElse: []) ?? [] where !isDone {
                set(variable, to: value)
                try await run(body, isCertain: isCertain)
            }
            return nil
        case .repetition(let branch):
            try await run(branch.condition, isCertain: isCertain)
            try await run(branch.body, isCertain: false)
            return nil
        }
    }

    private func choose(
        _ branches: [ShellScript.Branch], otherwise: [ShellScript.Command], isCertain: Bool
    ) async throws -> Success {
        var isCertain = isCertain
        for branch in branches {
            let success = try await run(branch.condition, isCertain: isCertain)
            if isDone { return nil }
            switch success {
            case true?: return try await run(branch.body, isCertain: isCertain)
            case false?: continue
            case nil:
                isCertain = false
                try await runPossible(branch.body)
            }
        }
        return try await run(otherwise, isCertain: isCertain)
    }

    private func choose(
        _ cases: [ShellScript.Case], for subject: ShellScript.Word, isCertain: Bool
    ) async throws -> Success {
        let text = text(of: subject)
        for one in cases {
            guard let text else {
                try await runPossible(one.body)
                continue
            }
            if one.patterns.contains(where: { ShellPattern(self.pattern(of: $0)).matches(text) }) {
                return try await run(one.body, isCertain: isCertain)
            }
        }
        return text == nil ? nil : true
    }

    /// Runs what may run or not: what it sets counts, since scripts set what is missing; what it ends does not.
    private func runPossible(_ commands: [ShellScript.Command]) async throws {
        try await run(commands, isCertain: false)
        isDone = false
    }

    // MARK: Simple commands

    private func runSimple(_ words: [ShellScript.Word], isCertain: Bool) async throws -> Success {
        var words = words[...]
        for word in words { try await runOutputs(in: word, isCertain: isCertain) }
        var assigned: [String: String?] = [:]
        while let (name, value) = words.first.flatMap({ assignment($0) }) {
            assigned[name] = .some(value)
            words.removeFirst()
        }
        guard let first = words.first else {
            for (name, value) in assigned { set(name, to: value) }
            return true
        }
        if first.plain == "[" || first.plain == "test" || first.plain == "[[" {
            guard words.count <= ShellTest.operandsLimit else { return nil }
            let operands = words.dropFirst().map { text(of: $0) }
            return ShellTest(operands.last == "]" || operands.last == "]]" ? operands.dropLast() : operands, in: self)
                .value
        }
        // Without the name nothing can be told; without an argument that is not the program, much can.
        guard let command = fields(of: first), let name = command.first,
            let rest = arguments(of: words.dropFirst(), orElse: [""])
        else { return nil }
        let kept = assigned.keys.map { ($0, variables[$0]) }
        for (name, value) in assigned { set(name, to: value) }
        let success = try await run(name, command.dropFirst() + rest, isCertain: isCertain)
        for (name, value) in kept { set(name, to: value) }
        return success
    }

    /// The arguments that words make; `nil` when they are too many.
    private func arguments(of words: ArraySlice<ShellScript.Word>, orElse unknown: [String]) -> [String]? {
        var found: [String] = []
        var bytes = 0
        for word in words {
            let fields = fields(of: word) ?? unknown
            bytes += fields.reduce(0) { $0 + $1.utf8.count }
            guard found.count + fields.count <= Self.argumentLimit, bytes <= Self.argumentBytesLimit,
                files.spend(fields.count / 16)
            else { return nil }
            found += fields
        }
        return found
    }

    /// Sets a variable, to `nil` for what cannot be told and to a missing value for one that is not set. When all hold
    /// too much, it is not set.
    func set(_ name: String, to value: String??) {
        // A variable takes some room of its own.
        func size(_ value: String??) -> Int { value.map { name.utf8.count + 64 + ($0?.utf8.count ?? 0) } ?? 0 }
        variableBytes -= size(variables.removeValue(forKey: name))
        guard let value, variableBytes + size(value) <= Self.variableBytesLimit else { return }
        variableBytes += size(value)
        variables[name] = .some(value)
    }

    private func run(_ name: String, _ arguments: [String], isCertain: Bool) async throws -> Success {
        if let body = functions[name] {
            let kept = self.arguments
            self.arguments = arguments
            callers.append(name)
            defer {
                self.arguments = kept
                callers.removeLast()
            }
            return try await run(body, isCertain: isCertain)
        }
        switch name {
        case "exec":
            let words = arguments.drop { $0 == "-a" || $0 == "-c" || $0 == "-l" }
            guard !words.isEmpty else { return true }
            try await walk.start(child(Array(words)))
            isDone = isCertain
            return nil
        case ".", "source":
            guard let path = arguments.first, let node = files.findFile(path, from: launch.directory) else {
                return isCertain ? false : nil
            }
            guard isCertain, sourced.insert(node.path).inserted else { return nil }
            files.open(node)
            guard let text = try await files.text(of: node) else { return nil }
            return try await run(ShellScript(String(decoding: text, as: UTF8.self)).commands, isCertain: true)
        case "exit", "return":
            // A function may go on where it was called; that it went well is all that it says here.
            if name == "exit" { isDone = isCertain }
            return arguments.first.map { $0 == "0" } ?? true
        case "eval":
            return try await run(parse(arguments.joined(separator: " ")), isCertain: isCertain)
        case "command", "builtin":
            guard let inner = arguments.first, !inner.hasPrefix("-") else {
                guard let asked = arguments.dropFirst().first else { return nil }
                return functions[asked] != nil || child([asked]).program(in: files) != nil
            }
            return try await run(inner, Array(arguments.dropFirst()), isCertain: isCertain)
        default:
            if let success = runBuiltin(name, arguments, isCertain: isCertain) { return success }
            guard isCertain else { return nil }
            try await walk.start(child([name] + arguments))
            return name.hasSuffix("/true") ? true : nil
        }
    }

    /// What changes the state of the shell alone; `nil` when it is no such command.
    private func runBuiltin(_ name: String, _ arguments: [String], isCertain: Bool) -> Success? {
        switch name {
        case ":", "true": return .some(true)
        case "false": return .some(false)
        case "set":
            // Arguments that may be others are better left as they are.
            if isCertain, let mark = arguments.firstIndex(of: "--") { self.arguments = Array(arguments[(mark + 1)...]) }
            return .some(true)
        case "shift" where isCertain:
            self.arguments.removeFirst(
                min(arguments.first.flatMap { Int($0) }.map { max(0, $0) } ?? 1, self.arguments.count))
            return .some(true)
        case "cd":
            if let path = arguments.last, let directory = files.findDirectory(path, from: launch.directory) {
                launch.directory = directory
            }
            return .some(true)
        case "export", "readonly", "local", "declare", "typeset":
            for argument in arguments {
                guard let mark = argument.firstIndex(of: "=") else { continue }
                set(String(argument[..<mark]), to: String(argument[argument.index(after: mark)...]))
            }
            return .some(true)
        case "unset":
            for name in arguments { set(name, to: "") }
            return .some(true)
        case "echo", "printf", "umask", "ulimit", "trap", "shopt", "alias", "type", "hash": return .some(true)
        case "read", "wait", "let", "getopts", "jobs", "kill", "pwd", "times", "bg", "fg", "break", "continue":
            return .some(nil)
        default: return nil
        }
    }

    /// A process that the shell starts.
    private func child(_ words: [String]) -> Launch {
        var child = launch.running(words)
        guard files.spend(variables.count / 16) else { return child }
        for (name, value) in variables { child.environment[name] = value ?? "" }
        return child
    }

    /// Runs the commands whose output makes part of a word.
    private func runOutputs(in word: ShellScript.Word, isCertain: Bool) async throws {
        for part in word.parts {
            guard case .output(let text) = part.piece else { continue }
            try await run(parse(text), isCertain: isCertain)
        }
    }

    /// The commands of a text that the script makes; long ones count as many steps.
    private func parse(_ text: String) -> [ShellScript.Command] {
        spend(reading: text) ? ShellScript(text).commands : []
    }

    /// Counts the reading of a text that is not part of the script itself; `false` when too much was read already.
    func spend(reading text: some StringProtocol) -> Bool {
        remainingSteps -= text.utf8.count / 32 + 1
        return remainingSteps > 0
    }

    private func assignment(_ word: ShellScript.Word) -> (String, String?)? {
        guard let first = word.parts.first, case .literal(let text) = first.piece, !first.isQuoted,
            let mark = text.firstIndex(of: "="), mark != text.startIndex, text.first?.isNumber == false,
            text[..<mark].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
        else { return nil }
        var value = word
        value.parts[0] = .init(piece: .literal(String(text[text.index(after: mark)...])), isQuoted: true)
        return (String(text[..<mark]), self.text(of: value))
    }
}
