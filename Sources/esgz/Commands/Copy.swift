import ArgumentParser
import Content
import Conversion
import OCI

/// `esgz copy SRC DST…`, also called `push` and `pull`
struct Copy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy an image as it is, from any place to any other.",
        discussion: "No byte and no digest changes. " + Places.help,
        aliases: ["push", "pull"])

    @Argument(help: ArgumentHelp("The image to copy.", valueName: "src"))
    var source: String

    @Argument(help: ArgumentHelp("Where it goes; several places get the same bytes.", valueName: "dst"))
    var destinations: [String] = []

    @OptionGroup(title: "Destination options") var naming: DestinationOptions
    @OptionGroup(title: "Platform options") var platform: PlatformOptions
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Work options") var work: WorkOptions
    @OptionGroup(title: "Output options") var output: OutputOptions

    func validate() throws {
        try naming.checkPresence(of: destinations)
    }

    func run() async throws {
        let renderer = output.makeRenderer(isDryRun: false)
        let places = try Places(from: source, to: destinations, naming, registry, work, renderer)
        if let same = places.destinations.first(where: { $0.isSameArchive(as: places.source) }) {
            throw CopyFailure.wouldReplaceArchive(same)
        }
        var request = CopyRequest()
        request.platforms = try platform.platforms
        request.jobs = work.jobs
        request.refusesToReplace = naming.noClobber
        let report = try await renderer.whileRunning { [request] events in
            try await context(places.source.description) {
                try await ImageCopy(
                    request, from: try places.openSource(), to: try places.openDestinations(), events: events
                ).run()
            }
        }
        try output.show(report)
    }
}
