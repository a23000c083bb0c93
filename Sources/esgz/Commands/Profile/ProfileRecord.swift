import ArgumentParser
import Content
import Conversion
import OCI
import Profiles
import SystemPackage

/// `esgz profile record IMAGE [-- ARGS…]`
struct ProfileRecord: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Run the workload of an image, and say which files it opens, in their order.",
        discussion: "Needs root, and runc or crun. Of an index, what runs on this machine is run.")

    @Argument(help: ArgumentHelp("The image, named as for esgz convert.", valueName: "image"))
    var image: String

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("What stands after --, in place of the image's command.", valueName: "args"))
    var command: [String] = []

    @OptionGroup(title: "Recording options") var recording: RecordingOptions

    @Option(help: ArgumentHelp("Write the profile to this file in place of stdout.", valueName: "file"))
    var recordOut: String?

    @OptionGroup var output: ProfileOutputOptions

    @OptionGroup(title: "Layer options") var limit: LayerLimitOptions
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Work options") var work: WorkOptions

    @Flag(name: [.short, .long], help: "Show no progress; warnings and errors are still shown.")
    var quiet = false

    func validate() throws {
        try recordOut.map { try OutputOptions.checkWritable($0, option: "--record-out") }
        guard command.isEmpty || recording.args == nil else {
            throw ValidationError("--args and what stands after -- exclude each other")
        }
    }

    func run() async throws {
        let renderer = ProgressRenderer(quiet ? .none : Terminal.isInteractive ? .terminal : .plain)
        let places = try Places(reading: image, registry, work, renderer)
        guard !recording.attachesInput || !(places.source.isStandardStream || registry.usesStandardInput) else {
            throw RecordingOptions.TakenTwice()
        }
        let recorder = try recording.recorder(
            command: command, temporaryDirectory: places.temporaryDirectory, isQuiet: quiet)
        var request = ConversionRequest(layers: limit.layerOptions(temporaryDirectory: places.temporaryDirectory))
        request.platforms = [.local]
        request.jobs = work.jobs
        let profile = try await renderer.whileRunning { [request] events in
            try await context(places.source.description) {
                try await ProfileMaking(request, from: try places.openSource(), events: events).run(recorder)
            }
        }
        try output.show(profile, in: recordOut)
    }
}
