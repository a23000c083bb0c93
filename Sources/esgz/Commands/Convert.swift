import ArgumentParser
import Content
import Conversion
import OCI
import Transports

/// `esgz convert SRC DST…`
struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rewrite every layer of an image as eStargz.",
        discussion: """
            SRC and DST are docker://REFERENCE, a bare reference as docker pull reads it, oci:DIR[:TAG], \
            oci-archive:FILE[:TAG], docker-archive:FILE[:NAME] or docker-daemon:NAME. FILE may be - for standard input \
            or output. The digest of the new manifest or index is printed on stdout, or on stderr where the image goes \
            to stdout.
            """)

    @Argument(help: ArgumentHelp("The image to convert.", valueName: "src"))
    var source: String

    @Argument(help: ArgumentHelp("Where the result goes; several places get the same bytes.", valueName: "dst"))
    var destinations: [String]

    @OptionGroup(title: "Layer options") var writing: WritingOptions
    @OptionGroup(title: "Platform options") var platform: PlatformOptions
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Output options") var output: OutputOptions

    @Option(
        help: ArgumentHelp(
            "Keep attestations, which then speak of the new manifests, or drop them: keep or drop.", valueName: "what"))
    var attestations = ConversionRequest.Attestations.keep

    @Flag(help: "Write OCI media types, which is the default.")
    var oci = false

    @Flag(help: "Keep Docker media types, although containerd then ignores what makes the image lazy.")
    var keepDockerTypes = false

    @Flag(help: "Fail where a layer would have to stay as it is.")
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
        guard !destinations.isEmpty else { throw ValidationError("expected at least one destination") }
    }

    func run() async throws {
        let from = try ImageLocation(parsing: source)
        let to = try destinations.map(ImageLocation.init(parsing:))
        if !force, let same = to.first(where: { $0.isSamePlace(as: from) }) {
            throw ConversionFailure.wouldOverwriteSource(same)
        }
        try to.checkStandardOutput()
        try writing.checkTemporaryDirectory()
        let network = registry.makeNetwork()
        let directory = writing.temporaryDirectory
        let renderer = output.makeRenderer(isDryRun: dryRun)
        let report = try await renderer.whileRunning { events in
            try await context(from.description) {
                try await Converter(
                    try request, from: try from.openSource(registry.source(network, temporaryDirectory: directory)),
                    to: try to.map {
                        let options = registry.destination(network, temporaryDirectory: directory)
                        return Destination($0, try $0.openDestination(options))
                    }, events: events
                ).run()
            }
        }
        try show(report, besidesArchive: to.contains(where: \.isStandardStream))
    }

    private var request: ConversionRequest {
        get throws {
            var request = ConversionRequest(layers: writing.layerOptions)
            request.platforms = try platform.platforms
            request.attestations = attestations
            request.jobs = writing.jobs
            request.keepsDockerTypes = keepDockerTypes
            request.isStrict = strict
            request.isDryRun = dryRun
            return request
        }
    }

    private func show(_ report: ConversionReport, besidesArchive: Bool) throws {
        if let digest = report.result?.digest { try output.write(digest) }
        if output.json {
            try Terminal.show(String(decoding: report.json.text, as: UTF8.self), besidesArchive: besidesArchive)
        } else if let digest = report.result?.digest {
            try Terminal.show(digest.description, besidesArchive: besidesArchive)
        } else {
            for layer in report.layers {
                try Terminal.show("\(layer.source.digest) \(layer.text)", besidesArchive: besidesArchive)
            }
        }
        for delivery in report.deliveries {
            if let failure = delivery.failure { Terminal.say("error: \(failure)") }
        }
        if let failure = report.deliveries.lazy.compactMap(\.failure).first { throw ReportedFailure(cause: failure) }
    }
}

extension ConversionRequest.Attestations: ExpressibleByArgument {}
