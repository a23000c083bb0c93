/// A program that does little but start another one that its arguments name.
struct CommandWrapper {
    /// Options that take an argument of their own.
    private let optionsWithArgument: Set<String>
    /// How many operands come before the program.
    private let operands: Int
    /// Whether operands `NAME=VALUE` go into the environment.
    private let setsVariables: Bool
    /// Whether it is there to run the program as somebody other than root.
    private let changesUser: Bool

    private init(
        _ optionsWithArgument: Set<String> = [], operands: Int = 0, setsVariables: Bool = false,
        changesUser: Bool = false
    ) {
        self.optionsWithArgument = optionsWithArgument
        self.operands = operands
        self.setsVariables = setsVariables
        self.changesUser = changesUser
    }

    /// Those that images begin with; their own manuals name the options.
    private static let known: [String: CommandWrapper] = [
        "env": CommandWrapper(["-u", "--unset", "-C", "--chdir"], setsVariables: true),
        "tini": CommandWrapper(["-p", "-e"]),
        "tini-static": CommandWrapper(["-p", "-e"]),
        "docker-init": CommandWrapper(["-p", "-e"]),
        "dumb-init": CommandWrapper(["-r", "--rewrite"]),
        "catatonit": CommandWrapper(),
        "gosu": CommandWrapper(operands: 1, changesUser: true),
        "su-exec": CommandWrapper(operands: 1, changesUser: true),
        "chroot": CommandWrapper(operands: 1),
        "setpriv": CommandWrapper(
            ["--reuid", "--regid", "--groups", "--inh-caps", "--bounding-set", "--ambient-caps"], changesUser: true),
        "nice": CommandWrapper(["-n"]),
        "ionice": CommandWrapper(["-c", "-n"]),
        "nohup": CommandWrapper(),
        "setsid": CommandWrapper(),
        "stdbuf": CommandWrapper(["-i", "-o", "-e"]),
        "timeout": CommandWrapper(["-s", "--signal", "-k", "--kill-after"], operands: 1),
    ]

    static func named(_ name: String) -> CommandWrapper? { known[name] }

    /// What it starts; `nil` when the arguments name no program.
    func command(in launch: Launch) -> Launch? {
        var next = launch
        next.isRoot = launch.isRoot && !changesUser
        var rest = launch.arguments.dropFirst()
        var remaining = operands
        while let word = rest.popFirst() {
            if word == "--" { continue }
            if word.hasPrefix("-"), word != "-" {
                if setsVariables, word == "-S" || word.hasPrefix("-S") || word.hasPrefix("--split-string") {
                    // The kernel gives all that follows `env -S` as one word.
                    let text =
                        word == "-S" ? rest.popFirst() ?? "" : String(word.drop { $0 != "S" && $0 != "=" }.dropFirst())
                    rest = text.split(separator: " ").map(String.init) + rest
                } else if setsVariables, word == "-i" || word == "--ignore-environment" {
                    next.environment = [:]
                } else if optionsWithArgument.contains(word) {
                    _ = rest.popFirst()
                }
            } else if setsVariables, let mark = word.firstIndex(of: "=") {
                next.environment[String(word[..<mark])] = String(word[word.index(after: mark)...])
            } else if remaining > 0 {
                remaining -= 1
            } else {
                next.arguments = [word] + rest
                return next
            }
        }
        return nil
    }
}
