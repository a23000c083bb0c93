import Archive
import ArgumentParser
import Content
import Inspection
import Profiles

/// `esgz find IMAGE [PATTERN…]`
struct Find: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find files of an image by patterns, without pulling it.",
        discussion: """
            Prints the paths that match one of the patterns, all paths without any. In a pattern * and ? stand for \
            characters within a name, [...] for one of several, and ** for any number of directories. A pattern without \
            a slash is looked for in every directory.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Argument(help: ArgumentHelp("Patterns such as '*.so' or 'usr/lib/**/libc.*'.", valueName: "pattern"))
    var patterns: [String] = []

    @Flag(name: .shortAndLong, help: "Show mode, owner, size and time as well.")
    var long = false

    @OptionGroup var options: LookOptions

    func run() async throws {
        let parsed = try patterns.map(Self.parse)
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let tree = try await look.tree(of: try await look.open(image))
            let paths = Set(parsed.flatMap { $0.matches(in: tree) })
            let found =
                parsed.isEmpty
                ? tree.nodes(below: .root) : paths.sorted().compactMap { tree[$0] }
            try Listing(isLong: long, isJSON: options.json).show(found, in: tree) { $0.description }
        }
    }

    private static func parse(_ text: String) throws -> PathPattern {
        do {
            // Before anything is put in front, so that a mistake is shown as it was typed.
            let pattern = try PathPattern(text)
            // What find(1) finds below a directory, the root has all of.
            if text.allSatisfy({ $0 == "/" }) { return try PathPattern("**") }
            return text.contains("/") ? pattern : try PathPattern("**/\(text)")
        } catch let failure as ProfileFailure {
            throw MalformedPattern(cause: failure)
        }
    }
}

/// In a profile it would be malformed input; here it was typed.
private struct MalformedPattern: Failure {
    let cause: ProfileFailure

    var kind: FailureKind { .usage }
    var description: String { cause.description }
}
