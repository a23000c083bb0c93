import ArgumentParser
import Content
import Conversion
import OCI
import Profiles
import SystemPackage

/// All that says what is converted, how, and to where: what `convert` and `optimize` have in common.
struct ConversionOptions: ParsableArguments {
    @OptionGroup var transfer: TransferOptions
    @OptionGroup(title: "Layer options") var writing: WritingOptions
    @OptionGroup(title: "Profile options") var profile: ProfileOptions

    @Option(
        help: ArgumentHelp(
            "Keep attestations, which then speak of the new manifests, or drop them: keep or drop.", valueName: "what"))
    var attestations = ConversionRequest.Attestations.keep

    @Flag(help: "Write OCI media types, which is the default.")
    var oci = false

    @Flag(help: "Keep Docker media types, although tools may then drop what makes the image lazy.")
    var keepDockerTypes = false

    @Flag(
        help:
            "Fail where a layer would have to stay as it is, the image lacks a path of the profile, or that names nothing."
    )
    var strict = false

    @Flag(help: "Overwrite the source itself.")
    var force = false

    @Flag(help: "Say for each layer what would be done; move no blob.")
    var dryRun = false

    @Flag(help: "Accepted for those who come from nerdctl; eStargz is what esgz writes.")
    var estargz = false

    func validate() throws {
        guard !(oci && keepDockerTypes) else {
            throw ValidationError("--oci and --keep-docker-types exclude each other")
        }
    }

    /// The profile that was named, if one was.
    func givenProfile() throws -> Profile? { try profile.given(isStrict: strict) }

    /// Converts the image, and shows the result.
    ///
    /// - Parameter profiler: says what is to be prefetched; `nil` for nothing.
    /// - Throws: what keeps the image from being converted, or one of the destinations from being served.
    func run(_ profiler: (any Profiler)?) async throws {
        let renderer = transfer.output.makeRenderer(isDryRun: dryRun)
        let places = try Places(transfer, renderer)
        guard !(places.source.isStandardStream && profile.file == "-") else { throw ProfileFile.TakenTwice() }
        if !force,
            let same = try transfer.naming.names(at: places.destinations).first(where: {
                $0.isSamePlace(as: places.source)
            })
        {
            throw ConversionFailure.wouldOverwriteSource(same)
        }
        if dryRun, profile.file != nil, !transfer.output.quiet {
            Terminal.say("--dry-run reads no layer, so the profile is not looked up; esgz profile check does that")
        }
        let request = try request(profiler, places.temporaryDirectory)
        let report = try await renderer.whileRunning { events in
            try await context(places.source.description) {
                try await Converter(
                    request, from: try places.openSource(), to: try places.openDestinations(), events: events
                ).run()
            }
        }
        if !dryRun { try profile.write(report.profile) }
        try transfer.output.show(report)
    }

    private func request(_ profiler: (any Profiler)?, _ temporaryDirectory: FilePath) throws -> ConversionRequest {
        var request = ConversionRequest(layers: writing.layerOptions(temporaryDirectory: temporaryDirectory))
        request.profiler = profiler
        request.platforms = try transfer.platform.platforms
        request.attestations = attestations
        request.jobs = transfer.work.jobs
        request.keepsDockerTypes = keepDockerTypes
        request.isStrict = strict
        request.refusesToReplace = transfer.naming.noClobber
        request.isDryRun = dryRun
        return request
    }
}

extension ConversionRequest.Attestations: ExpressibleByArgument {}
