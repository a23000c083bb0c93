import ArgumentParser
import Profiles

/// `esgz profile convert IN…`
struct ProfileConvert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write profiles of any format as a record or a list, one after the other.")

    @Argument(help: ArgumentHelp("The profiles; - for stdin.", valueName: "in"))
    var files: [String]

    @OptionGroup var format: ProfileFormatOptions
    @OptionGroup var output: ProfileOutputOptions

    func run() async throws {
        let profiles = try files.map { try format.profile($0) }
        try output.show(Profile(profiles.flatMap(\.entries)))
    }
}
