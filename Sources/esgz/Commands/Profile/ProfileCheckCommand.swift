import ArgumentParser
import Content
import Conversion
import Glibc
import OCI
import Profiles

/// `esgz profile check IMAGE FILE`
struct ProfileCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what of a profile is in an image, and how much would be prefetched.",
        discussion: "Reads all layers of the image, and writes nothing.")

    @Argument(help: ArgumentHelp("The image, named as for esgz convert.", valueName: "image"))
    var image: String

    @Argument(help: ArgumentHelp("The profile; - for stdin.", valueName: "file"))
    var file: String

    @OptionGroup var format: ProfileFormatOptions

    @Option(
        help: ArgumentHelp(
            "Prefetch at this many bytes a second; 12500000 are 100 Mbit/s.", valueName: "size"))
    var bandwidth = ByteCount(12_500_000)

    @Flag(
        help:
            "Fail when the profile names nothing, a path of it is missing, or prefetching takes longer than the snapshotter waits."
    )
    var strict = false

    @OptionGroup(title: "Layer options") var writing: WritingOptions
    @OptionGroup(title: "Platform options") var platform: PlatformOptions
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Work options") var work: WorkOptions

    @Flag(name: [.short, .long], help: "Show no progress; warnings and errors are still shown.")
    var quiet = false

    @Flag(help: "Print the result in JSON.")
    var json = false

    func validate() throws {
        guard bandwidth.bytes > 0 else { throw ValidationError("--bandwidth: expected more than 0") }
    }

    func run() async throws {
        guard !isSwapped else { throw SwappedArguments(image: file, profile: image) }
        let renderer = ProgressRenderer(quiet ? .none : Terminal.isInteractive ? .terminal : .plain)
        let places = try Places(reading: image, registry, work, renderer)
        guard !(places.source.isStandardStream && file == "-") else { throw ProfileFile.TakenTwice() }
        let profile = try format.profileToApply(file, isStrict: strict)
        var request = ConversionRequest(
            layers: writing.layerOptions(temporaryDirectory: places.temporaryDirectory))
        request.platforms = try platform.platforms
        request.jobs = work.jobs
        let report = try await renderer.whileRunning { [request] events in
            try await context(places.source.description) {
                try await ProfileCheck(request, from: try places.openSource(), events: events).run(profile)
            }
        }
        try Terminal.print(
            json
                ? report.json(bandwidth: bandwidth.bytes).shownText
                : report.images.map { $0.text(bandwidth: bandwidth.bytes) }.joined(separator: "\n\n"))
        if strict { try report.demandFit(bandwidth: bandwidth.bytes) }
    }
}

extension ProfileCheckCommand {
    /// Whether the profile stands where the image should.
    fileprivate var isSwapped: Bool {
        access(image, F_OK) == 0 && file != "-" && access(file, F_OK) != 0
            && (try? ImageLocation(parsing: file)) != nil
    }
}

/// The arguments come in the other order.
private struct SwappedArguments: Failure {
    let image: String
    let profile: String

    var kind: FailureKind { .usage }
    var description: String {
        "expected the image before the profile: esgz profile check \(image.printable) \(profile.printable)"
    }
}
