import ArgumentParser
import Content
import Conversion
import OCI
import Profiles

/// `esgz profile static IMAGE`
struct ProfileStatic: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "static",
        abstract: "Tell from an image alone which files its workload opens, in their order.",
        discussion: "Runs nothing, for any platform. Reads all layers of the image.")

    @Argument(help: ArgumentHelp("The image, named as for esgz convert.", valueName: "image"))
    var image: String

    @OptionGroup var output: ProfileOutputOptions

    @OptionGroup(title: "Layer options") var limit: LayerLimitOptions
    @OptionGroup(title: "Platform options") var platform: PlatformOptions
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Work options") var work: WorkOptions

    @Flag(name: [.short, .long], help: "Show no progress; warnings and errors are still shown.")
    var quiet = false

    func run() async throws {
        let renderer = ProgressRenderer(quiet ? .none : Terminal.isInteractive ? .terminal : .plain)
        let places = try Places(reading: image, registry, work, renderer)
        var request = ConversionRequest(layers: limit.layerOptions(temporaryDirectory: places.temporaryDirectory))
        request.platforms = try platform.platforms
        request.jobs = work.jobs
        let profile = try await renderer.whileRunning { [request] events in
            try await context(places.source.description) {
                try await ProfileMaking(request, from: try places.openSource(), events: events).run(StaticProfiler())
            }
        }
        try output.show(profile)
    }
}
