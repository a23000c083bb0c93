/// A script of a POSIX shell or of bash, as far as it takes to see which programs it starts.
struct ShellScript {
    /// A piece of a word.
    indirect enum Piece: Hashable {
        case literal(String)
        /// `$name`, or `${name…}` with what stands behind the name.
        case variable(name: String, rest: String)
        /// What a command prints.
        case output(String)
    }

    /// What becomes one argument, or several.
    struct Word: Hashable {
        struct Part: Hashable {
            let piece: Piece
            let isQuoted: Bool
        }

        var parts: [Part] = []

        /// The text, when nothing in it is to be replaced or was quoted.
        var plain: String? {
            parts.reduce(String?("")) { text, part in
                guard let text, case .literal(let more) = part.piece, !part.isQuoted else { return nil }
                return text + more
            }
        }
    }

    /// Patterns and what runs for the first one that matches.
    struct Case: Hashable {
        let patterns: [Word]
        let body: [Command]
    }

    /// A condition and what it decides on.
    struct Branch: Hashable {
        let condition: [Command]
        let body: [Command]
    }

    /// A command that runs when the one before it succeeded, or failed.
    struct Link: Hashable {
        let afterSuccess: Bool
        let command: Command
    }

    indirect enum Command: Hashable {
        case simple([Word])
        /// `a && b || c`.
        case chain(Command, [Link])
        case negation(Command)
        /// Each in a process of its own.
        case pipe([Command])
        case group([Command])
        case choice([Branch], otherwise: [Command])
        case cases(Word, [Case])
        case loop(variable: String, [Word], body: [Command])
        case repetition(Branch)
        case function(name: String, body: Command)
    }

    let commands: [Command]

    init(_ text: String) {
        var parser = ShellParser(text)
        commands = parser.script()
    }
}
