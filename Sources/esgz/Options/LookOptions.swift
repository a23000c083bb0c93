import ArgumentParser
import Content
import Inspection
import OCI

/// What all commands have in common that look into images.
struct ReadingOptions: ParsableArguments {
    @OptionGroup(title: "Registry options") var access: AccessOptions
    @OptionGroup(title: "Work options") var work: WorkOptions

    @Option(help: ArgumentHelp("Look at this layer alone, counted from 1 at the bottom.", valueName: "number"))
    var layer: Int?

    @OptionGroup(title: "Layer options") var limit: LayerLimitOptions
    @OptionGroup var output: QuietOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard layer ?? 1 >= 1 else { throw ValidationError("--layer: expected 1 or more, not \(layer ?? 0)") }
    }

    /// The position of a layer in an image; `nil` for all.
    ///
    /// - Throws: when the image has fewer.
    func layerPosition(of count: Int) throws -> Int? {
        guard let layer else { return nil }
        guard layer <= count else { throw NoLayerFailure(number: layer, count: count) }
        return layer - 1
    }
}

/// The same, of commands that look into one platform.
struct LookOptions: ParsableArguments {
    @OptionGroup var reading: ReadingOptions

    @Option(
        name: .customLong("platform"),
        help: ArgumentHelp(
            """
            Look at this platform of an index, os/arch[/variant] or local. (default: local if the image has it, else \
            the only one)
            """, valueName: "platform"))
    var platformText: String?

    func validate() throws {
        do {
            _ = try platform
        } catch let failure as any Failure {
            throw ValidationError("--platform: \(failure)")
        }
    }

    var platform: Platform? {
        get throws { try platformText.map { try Platform(parsing: $0) } }
    }

    var json: Bool { reading.json }
}
