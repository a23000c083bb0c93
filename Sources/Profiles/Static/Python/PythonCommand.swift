/// What the command line of a Python interpreter says (python3(1)).
struct PythonCommand {
    enum Program: Hashable {
        case code(String)
        case module(String)
        case script(String)
        /// Nothing to run is named: it reads from a terminal.
        case none
    }

    private(set) var program = Program.none
    /// What the program gets.
    private(set) var arguments: [String] = []
    /// `-E` or `-I`.
    private(set) var ignoresEnvironment = false
    /// `-I` or `-P`: the place of the program is no place for modules.
    private(set) var isIsolated = false
    /// `-S`.
    private(set) var skipsSite = false
    /// `-O` once or twice.
    private(set) var optimization = 0

    init(_ arguments: [String]) {
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else {
                program = word == "-" ? .none : .script(word)
                break
            }
            guard !word.hasPrefix("--") else { continue }
            // Letters may stand together; the last one may have its argument with it.
            var letters = word.dropFirst()
            while let letter = letters.popFirst() {
                switch letter {
                case "c", "m":
                    let argument = letters.isEmpty ? rest.popFirst() ?? "" : String(letters)
                    program = letter == "c" ? .code(argument) : .module(argument)
                    self.arguments = Array(rest)
                    return
                case "W", "X":
                    if letters.isEmpty { _ = rest.popFirst() }
                    letters = ""
                case "E": ignoresEnvironment = true
                case "I": (ignoresEnvironment, isIsolated) = (true, true)
                case "P": isIsolated = true
                case "S": skipsSite = true
                case "O": optimization = min(2, optimization + 1)
                default: break
                }
            }
        }
        self.arguments = Array(rest)
    }
}
