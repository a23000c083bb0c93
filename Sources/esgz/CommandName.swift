import ArgumentParser
import Content

/// The commands of the program as people type them.
enum CommandName {
    /// What is wrong with the name of a command, or of a command within it, or with what stands after `--`; `nil` when
    /// nothing is.
    ///
    /// ArgumentParser takes a name that it does not know for an argument of the program, shows help of the program when
    /// it knows no command to help with, and takes what stands after `--` for destinations.
    static func mistake(in arguments: [String], of command: any ParsableCommand.Type = Esgz.self) -> String? {
        if movingImages.contains(where: { $0 == command }) { return mistakeAfterTerminator(in: arguments) }
        let commands = command.configuration.subcommands
        guard let word = arguments.first, !word.hasPrefix("-"), !commands.isEmpty,
            command.configuration.defaultSubcommand == nil
        else { return nil }
        if word == "help" { return mistake(in: Array(arguments.dropFirst()), of: command) }
        if let next = commands.first(where: { $0.names.contains(word) }) {
            return mistake(in: Array(arguments.dropFirst()), of: next)
        }
        let names = commands.flatMap { $0.names }
        let closest = names.map { (name: $0, distance: distance($0, word)) }.min { $0.distance < $1.distance }
        let hint = closest.flatMap { $0.distance <= 2 ? "did you mean '\($0.name)'?" : nil }
        return "no command '\(word.prefix(100).printable)'; "
            + (hint ?? "there are: \(names.joined(separator: ", "))")
    }

    private static let movingImages: [any ParsableCommand.Type] = [Convert.self, Optimize.self, Copy.self]

    /// Who writes a workload there must not push to places that are called like its words.
    private static func mistakeAfterTerminator(in arguments: [String]) -> String? {
        guard let word = arguments.drop(while: { $0 != "--" }).dropFirst().first else { return nil }
        return "expected nothing after --, not '\(word.prefix(100).printable)'; esgz optimize --run takes the workload "
            + "by --args or --entrypoint, esgz profile record by --"
    }

    /// How many letters have to be added, left out or changed to make one word of the other.
    private static func distance(_ first: String, _ second: String) -> Int {
        var row = Array(0...first.count)
        for (line, letter) in second.prefix(100).enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in first.enumerated() {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (letter == other ? 0 : 1))
                diagonal = above
            }
        }
        return row.last ?? 0
    }
}

extension ParsableCommand {
    fileprivate static var names: [String] {
        [configuration.commandName ?? _commandName] + configuration.aliases
    }
}
