import ArgumentParser
import Content
import OCI

/// Which manifests of an index are meant.
struct PlatformOptions: ParsableArguments {
    @Option(
        name: .customLong("platform"),
        help: ArgumentHelp(
            """
            Take only this platform of an index, os/arch[/variant] or local; repeat it or separate with commas. \
            (default: all)
            """,
            valueName: "platform"))
    var platformTexts: [String] = []

    @Flag(
        name: [.long, .customLong("all")],
        help: "Take all platforms, which is the default.")
    var allPlatforms = false

    func validate() throws {
        guard !(allPlatforms && !platformTexts.isEmpty) else {
            throw ValidationError("--all-platforms and --platform exclude each other")
        }
        do {
            _ = try platforms
        } catch let failure as any Failure {
            // ArgumentParser takes its own errors alone for mistakes of the caller.
            throw ValidationError("--platform: \(failure)")
        }
    }

    var platforms: [Platform] {
        get throws {
            try platformTexts.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map {
                try Platform(parsing: String($0).trimmed)
            }
        }
    }
}
