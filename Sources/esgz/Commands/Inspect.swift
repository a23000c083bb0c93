import ArgumentParser
import Content
import EStargz
import Inspection
import OCI
import Transports

/// `esgz inspect IMAGE`
struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what an image consists of, without pulling it.",
        discussion: """
            Shows the platforms, and of one of them the layers: sizes, format, table of contents, landmark. Reads \
            manifests, and of each layer the table of contents.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Option(
        help: ArgumentHelp("Show growth against this image, which it was converted from.", valueName: "image"))
    var source: String?

    @Flag(help: "Print the manifest of the platform as it is.")
    var manifest = false

    @Flag(help: "Print the configuration of the platform as it is.")
    var config = false

    @Flag(help: "Print what the name stands for as it is: the index, or the only manifest.")
    var raw = false

    @OptionGroup var options: LookOptions

    func validate() throws {
        guard [manifest, config, raw].filter(\.self).count < 2 else {
            throw ValidationError("--manifest, --config and --raw exclude each other")
        }
        guard source == nil || !(manifest || config || raw) else {
            throw ValidationError("--source: expected without --manifest, --config and --raw")
        }
    }

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let (location, place) = try look.source(image)
            try await context(location.description) {
                let root = try await place.resolve()
                let document = try await place.document(root)
                if raw { return try Terminal.emit(document.bytes) }
                let platforms = root.mediaType.isIndex ? try Index(document, as: root.mediaType).manifests : []
                let chosen = try await choose(from: place, root)
                if manifest { return try Terminal.emit(try chosen.get().manifest.document.bytes) }
                if config { return try Terminal.emit(try chosen.get().configuration.document.bytes) }
                var report = ImageReport(root: root, platforms: platforms)
                switch chosen {
                case .failure(let failure): report.remark = failure.description
                case .success(let platform):
                    report.image = platform
                    report.layers = try await layers(of: try look.open(platform, at: location, place))
                    if let source { try report.compare(with: try await look.original(source, of: platform)) }
                }
                try options.json ? Terminal.print(report.json) : Terminal.print(report.text)
            }
        }
    }

    /// Without a choice, the platforms alone are shown.
    private func choose(
        from source: any ImageSource, _ root: Descriptor
    ) async throws -> Result<PlatformImage, PlatformChoiceFailure> {
        do {
            return .success(try await PlatformImage(of: source, root: root, platform: try options.platform))
        } catch let failure as PlatformChoiceFailure {
            return .failure(failure)
        }
    }

    private func layers(of image: LazyImage) async throws -> [LayerSummary] {
        let wanted = try options.reading.layerPosition(of: image.layerCount).map { [$0] } ?? Array(0..<image.layerCount)
        return try await concurrentMap(wanted, width: options.reading.work.jobs) { _, number in
            try await image.summary(ofLayer: number)
        }
    }
}

/// What `esgz inspect` shows.
private struct ImageReport {
    let root: Descriptor
    let platforms: [Descriptor]
    var image: PlatformImage?
    /// Why no layers are shown.
    var remark: String?
    var layers: [LayerSummary] = []

    init(root: Descriptor, platforms: [Descriptor]) {
        self.root = root
        self.platforms = platforms
    }

    /// - Throws: when the layers cannot have come from those of `original`.
    mutating func compare(with original: PlatformImage) throws {
        guard let image else { return }
        try original.checkLayerCount(asSourceOf: image)
        for position in layers.indices {
            layers[position].sourceSize = original.manifest.layers[layers[position].number - 1].size
        }
    }

    /// Of all layers that are shown.
    private var layerSize: Int64 { layers.reduce(0) { $0.addingSaturated($1.descriptor.size) } }

    /// Of all layers that are shown; `nil` without a source.
    private var growth: Growth? {
        let sizes = layers.compactMap(\.sourceSize)
        return Growth(from: sizes.reduce(0) { $0.addingSaturated($1) }, to: layerSize)
    }

    var json: JSON {
        var json = JSON([
            "digest": .string(root.digest.description), "mediaType": .string(root.mediaType.text),
            "size": .integer(root.size),
        ])
        if root.mediaType.isIndex { json["manifests"] = .array(platforms.map(\.json)) }
        guard let image else { return json }
        json["platform"] = image.platform.map { .string($0.description) }
        json["manifest"] = .string(image.descriptor.digest.description)
        json["config"] = .string(image.manifest.configuration.digest.description)
        json["growth"] = growth?.json
        json["annotations"] = image.manifest.document.root["annotations"]
        json["layers"] = .array(layers.map(\.json))
        return json
    }

    var text: String {
        var blocks = [
            Table.text([["digest", root.digest.description], ["type", root.mediaType.text.escaped]])
        ]
        if !platforms.isEmpty {
            blocks.append(
                Table.text(
                    platforms.map { child in
                        let name = child.platform?.description ?? "-"
                        return [(child.isAttestation ? "attestation" : name).escaped, child.digest.description]
                    }))
        }
        guard let image else { return (blocks + [remark?.escaped].compactMap { $0 }).joined(separator: "\n\n") }
        blocks.append(
            Table.text([
                ["platform", (image.platform?.description ?? "-").escaped],
                ["manifest", image.descriptor.digest.description],
                ["config", image.manifest.configuration.digest.description],
            ]))
        blocks.append(layerTable)
        blocks += layers.compactMap(\.annotationText)
        return blocks.joined(separator: "\n\n")
    }

    private var layerTable: String {
        var rows = [["layer", "digest", "size", "inflated", "format", "toc", "files", "prefetch"]]
        rows += layers.map(\.row)
        guard let growth else { return Table.text(rows, alignedRight: [0, 2, 3, 5, 6, 7]) }
        rows.append(["all", "", layerSize.byteCountText, "", "", "", "", ""])
        let growths = ["growth"] + layers.map { $0.growth?.shown ?? "-" } + [growth.shown]
        for (row, growth) in zip(rows.indices, growths) { rows[row].insert(growth, at: 3) }
        return Table.text(rows, alignedRight: [0, 2, 3, 4, 6, 7, 8])
    }
}

extension LayerSummary {
    fileprivate var row: [String] {
        let inflated = inflatedSize?.byteCountText ?? "-"
        guard let table else {
            return ["\(number)", descriptor.digest.short, descriptor.size.byteCountText, inflated, "-", "-", "-", "-"]
        }
        let prefetch =
            switch table.landmark {
            case (.prefetchLandmark, let end)?: end.byteCountText
            case .some: "none"
            case nil: "-"
            }
        return [
            "\(number)", descriptor.digest.short, descriptor.size.byteCountText, inflated, table.format.rawValue,
            table.size.byteCountText, "\(table.fileCount)", prefetch,
        ]
    }

    /// Why the layer is not lazy, and its annotations.
    fileprivate var annotationText: String? {
        let annotations = descriptor.json["annotations"]?.object?.members ?? []
        let rows =
            (reason.map { [["  not lazy", $0.escaped]] } ?? [])
            + annotations.map { ["  " + $0.key.escaped, ($0.value.string ?? "").escaped] }
        return rows.isEmpty ? nil : "layer \(number)\n" + Table.text(rows)
    }
}
