import ArgumentParser
import Content
import Inspection
import OCI
import Transports

/// `esgz verify IMAGE`
struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say whether an image will be lazy, and whether it is what it promises to be.",
        discussion: """
            Reads every layer to its last byte, and compares it with its format, its manifest, its table of contents and \
            the needs of those who read it. Each broken promise is named with layer, file and offset, and the exit status \
            is 6.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Flag(help: "Read manifests, footers and tables of contents alone.")
    var quick = false

    @Option(
        name: .customLong("source"),
        help: ArgumentHelp("Prove that this image has the same content, file by file.", valueName: "src"))
    var sourceImage: String?

    @Option(
        help: ArgumentHelp(
            "Expect that nodes pull this fast, as 100Mbit, 1Gbps or bytes a second.", valueName: "rate"))
    var bandwidth = Bandwidth(bytesPerSecond: 12_500_000)

    @OptionGroup(title: "Platform options") var platform: PlatformOptions
    @OptionGroup var options: ReadingOptions

    func validate() throws {
        guard !quick || sourceImage == nil else { throw ValidationError("--quick and --source exclude each other") }
    }

    func run() async throws {
        let look = try Look(options)
        let verdict = try await look.run {
            let (location, source) = try look.source(image)
            return try await context(location.description) {
                var request = VerificationRequest(options: look.inspection)
                request.platforms = try platform.platforms
                request.layer = options.layer.map { $0 - 1 }
                request.isQuick = quick
                request.bandwidth = bandwidth.bytesPerSecond
                let verifier = ImageVerifier(request, of: source, tables: try look.tables(of: location))
                var verdict = try await verifier.run()
                if let sourceImage { try await compare(&verdict, with: sourceImage, look, location, source) }
                return verdict
            }
        }
        try Terminal.printVerdict(options.json ? verdict.json.shownText : verdict.text + "\n" + summary(of: verdict))
        if !verdict.isSound { throw ReportedFailure(status: .broken) }
    }

    /// The answer in one line.
    private func summary(of verdict: ImageVerdict) -> String {
        let count = verdict.allFindings.count + verdict.omitted
        guard verdict.isSound else {
            return (verdict.isLazy ? "LAZY, but " : "NOT LAZY, ") + (count == 1 ? "1 finding" : "\(count) findings")
        }
        if let sourceImage { return "no findings; the content is that of \(sourceImage.escaped)" }
        return quick ? "no findings; contents were not read, as --quick says" : "no findings"
    }

    /// Compares each platform with that of the source.
    private func compare(
        _ verdict: inout ImageVerdict, with other: String, _ look: Look, _ location: ImageLocation,
        _ source: any ImageSource
    ) async throws {
        for platform in verdict.platforms {
            let image = try await PlatformImage(of: source, platform: platform.platform)
            let before = try await look.open(other, platform: platform.platform, pullsAll: true)
            let after = try look.open(image, at: location, source, pullsAll: true)
            verdict.add(
                try await SourceComparison(from: before, to: after).findings(
                    only: try options.layerPosition(of: after.layerCount)))
        }
    }
}

extension ImageVerdict {
    fileprivate var text: String {
        var lines: [String] = []
        for platform in platforms {
            lines.append("\(platform.platform.map { $0.description.escaped } ?? "-") \(platform.descriptor.digest)")
            lines += platform.layers.map { layer in
                let verdict = layer.obstacle.map { "NOT LAZY: \($0.escaped)" } ?? "LAZY"
                return "  layer \(layer.number) \(layer.descriptor.digest.short): \(verdict)"
            }
            lines.append(
                platform.obstacle.map { "  NOT LAZY: \($0.escaped)" }
                    ?? platform.firstEager.map { layer in
                        "  NOT LAZY from layer \(layer.number) up: \((layer.obstacle ?? "").escaped)"
                    } ?? "  LAZY")
        }
        lines += allFindings.map(\.line)
        if omitted > 0 { lines.append("and \(omitted) more findings") }
        return lines.joined(separator: "\n")
    }
}

extension Finding {
    fileprivate var line: String {
        var places: [String] = []
        if let platform { places.append(platform.description.escaped) }
        if let layer { places.append("layer \(layer)") }
        if let entry { places.append(entry.escaped) }
        if let offset { places.append("byte \(offset)") }
        return "\(promise): " + (places.isEmpty ? "" : places.joined(separator: ", ") + ": ") + text.escaped
    }
}
