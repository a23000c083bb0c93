import ArgumentParser
import EStargz
import SystemPackage

/// How much a layer may be.
struct LayerLimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Refuse layers that are larger than this uncompressed, with sparse files expanded.", valueName: "size"))
    var maxLayerSize = ByteCount(64 << 30)

    func validate() throws {
        guard maxLayerSize.bytes > 0 else { throw ValidationError("--max-layer-size: expected more than 0") }
    }

    /// For layers that are read alone.
    func layerOptions(temporaryDirectory: FilePath) -> LayerOptions {
        LayerOptions(sizeLimit: maxLayerSize.bytes, temporaryDirectory: temporaryDirectory, workers: 1)
    }
}
