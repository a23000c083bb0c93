import ArgumentParser
import Profiles

/// `esgz profile merge A B…`
struct ProfileMerge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Make one profile of several.")

    @Argument(help: ArgumentHelp("The profiles; - for stdin.", valueName: "in"))
    var files: [String]

    @Option(
        help: ArgumentHelp(
            """
            Put first what comes early in any of the profiles (first-use), or what most of them name (weight).
            """, valueName: "order"))
    var by = Profile.MergeOrder.firstUse

    @OptionGroup var format: ProfileFormatOptions
    @OptionGroup var output: ProfileOutputOptions

    func run() async throws {
        try output.show(Profile(merging: try files.map { try format.profile($0) }, by: by))
    }
}

extension Profile.MergeOrder: ExpressibleByArgument {}
