import ArgumentParser
import Content
import Inspection
import OCI
import Profiles
import Transports

/// `esgz report IMAGE`
struct Report: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json, md, html
    }

    private static let defaultRoundTrip = TimeSpan(milliseconds: 10)

    static let configuration = CommandConfiguration(
        abstract: "Tell what an image costs: to store, and to start.",
        discussion: """
            Shows for each layer how large it is and what it consists of, and estimates what goes over the line before \
            the workload starts, and afterwards. Reads tables of contents; layers that are not lazy are pulled only when \
            there is a profile.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Option(help: ArgumentHelp("Compare with this image, which it was converted from.", valueName: "image"))
    var source: String?

    @Option(
        help: ArgumentHelp(
            "Estimate a start that opens the files of this profile; - for stdin. (default: what is prefetched)",
            valueName: "file"))
    var profile: String?

    @OptionGroup var profileFormat: ProfileFormatOptions

    @Option(help: ArgumentHelp("Print it as text, json, md or html.", valueName: "form"))
    var format: Format?

    @Option(
        help: ArgumentHelp(
            "The speed of the line: 100Mbit, 1Gbps, or bytes a second.", valueName: "speed"))
    var bandwidth = Bandwidth(bytesPerSecond: 12_500_000)

    @Option(
        help: ArgumentHelp("How long an answer takes to begin. (default: \(Self.defaultRoundTrip))", valueName: "time"),
        transform: TimeSpan.read)
    var rtt = Self.defaultRoundTrip

    @Option(help: ArgumentHelp("Fail when the image has grown by more percent than this.", valueName: "percent"))
    var maxGrowth: Percentage?

    @Option(
        help: ArgumentHelp(
            "Fail when more bytes than this are prefetched, or pulled where the image is not lazy.", valueName: "size"))
    var maxPrefetch: ByteCount?

    @OptionGroup var options: LookOptions

    func validate() throws {
        // A number without a unit counts seconds, and is hardly meant.
        guard rtt.milliseconds <= 10_000 else { throw ValidationError("--rtt: expected at most 10s, not \(rtt)") }
        guard maxGrowth == nil || source != nil else {
            throw ValidationError("--max-growth: expected --source as well")
        }
        guard !options.json || format == nil || format == .json else {
            throw ValidationError("--json and --format \(format?.rawValue ?? "") exclude each other")
        }
    }

    func run() async throws {
        let profile = try profile.map { try profileFormat.profileToApply($0) }
        let line = StartEstimate.Line(bandwidth: bandwidth.bytesPerSecond, roundTrip: rtt.duration)
        let look = try Look(options.reading, platform: try options.platform)
        let report = try await look.run {
            let image = try await look.open(image)
            var original: PlatformImage?
            if let source { original = try await look.original(source, of: image.image) }
            return try await context(image.name) {
                try await ImageReport.read(
                    image, named: self.image, only: try options.reading.layerPosition(of: image.layerCount),
                    source: original, profile: profile, line: line)
            }
        }
        try Terminal.printVerdict(text(of: report))
        if let maxGrowth, let growth = report.growth, growth.tenths > maxGrowth.tenths {
            throw ReportLimitFailure.growth(growth, limit: maxGrowth)
        }
        if let maxPrefetch, report.sizeBeforeStart > maxPrefetch.bytes {
            throw ReportLimitFailure.prefetch(
                report.sizeBeforeStart, pulledFrom: report.firstPulledLayer, limit: maxPrefetch)
        }
    }

    private func text(of report: ImageReport) -> String {
        switch format ?? (options.json ? .json : .text) {
        case .text: report.text
        case .json: report.json.shownText
        case .md: report.markdown
        case .html: ReportPage(report: report).text
        }
    }
}

/// The image is more than it may be.
private enum ReportLimitFailure: Failure {
    case growth(Growth, limit: Percentage)
    case prefetch(Int64, pulledFrom: Int?, limit: ByteCount)

    var kind: FailureKind { .limit }

    var description: String {
        switch self {
        case .growth(let growth, let limit): "--max-growth: expected at most \(limit), found \(growth.shown)"
        case .prefetch(let size, let layer, let limit):
            "--max-prefetch: expected at most \(limit.bytes) bytes, found \(size)"
                + (layer.map { "; layer \($0) is not lazy, and is pulled with all above it" } ?? "")
        }
    }
}
