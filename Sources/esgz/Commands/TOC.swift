import ArgumentParser
import Content
import EStargz
import Inspection

/// `esgz toc IMAGE`, also called `get-toc-digest`
struct TOC: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "toc",
        abstract: "Show the digests of the tables of contents of an image, or a table itself.",
        aliases: ["get-toc-digest"])

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Flag(
        name: [.long, .customLong("dump-toc")],
        help: "Print the table of one layer as it is, in place of its digest.")
    var dump = false

    @OptionGroup var options: LookOptions

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let image = try await look.open(image)
            let wanted =
                try options.reading.layerPosition(of: image.layerCount).map { [$0] } ?? Array(0..<image.layerCount)
            if dump { return try await show(wanted, of: image) }
            let layers = try await concurrentMap(wanted, width: options.reading.work.jobs) { _, number in
                try await image.summary(ofLayer: number)
            }
            guard !options.json else { return try Terminal.print(JSON.array(layers.map(\.json))) }
            for layer in layers {
                let text = layer.table?.digest.description ?? "-"
                try Terminal.print(layers.count == 1 ? text : "\(layer.number) \(text)")
            }
        }
    }

    private func show(_ layers: [Int], of image: LazyImage) async throws {
        guard let layer = layers.first, layers.count == 1 else { throw TOCFailure.severalLayers(layers.count) }
        switch try await image.reader(ofLayer: layer) {
        case .success(let reader): try reader.forEachPieceOfTOC { try Terminal.emit(Array($0)) }
        case .failure(let lack): throw TOCFailure.noTable(layer + 1, lack.reason)
        }
    }
}

/// There is no one table to print.
private enum TOCFailure: Failure {
    case severalLayers(Int)
    case noTable(Int, String)

    var kind: FailureKind {
        switch self {
        case .severalLayers: .usage
        case .noTable: .notFound
        }
    }

    var description: String {
        switch self {
        case .severalLayers(let count): "the image has \(count) layers; choose one with --layer"
        case .noTable(let number, let reason): "layer \(number) has no table of contents: \(reason)"
        }
    }
}
