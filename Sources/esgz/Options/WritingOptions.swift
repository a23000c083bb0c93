import ArgumentParser
import EStargz
import Glibc
import SystemPackage

/// How layers are written. The `--estargz-…` names are those of ctr-remote and nerdctl.
struct WritingOptions: ParsableArguments {
    @Option(
        name: [.long, .customLong("estargz-compression-level")],
        help: ArgumentHelp("Compress with this level of libdeflate, 0 (not at all) to 12.", valueName: "level"))
    var compressionLevel = 6

    @Option(
        name: [.long, .customLong("estargz-chunk-size")],
        help: ArgumentHelp("Cut files into chunks of this size, 4KiB to 64MiB; 0 for the default.", valueName: "size"))
    var chunkSize = ByteCount(LayerPlan.defaultChunkSize)

    @OptionGroup var limit: LayerLimitOptions

    @Option(
        name: [.long, .customLong("estargz-parallelism")],
        help: ArgumentHelp("Compress with this many threads; 0 for one a core.", valueName: "count"))
    var threads = 0

    func validate() throws {
        guard CompressionLevel(compressionLevel) != nil else {
            throw ValidationError("--compression-level: expected 0 to 12, not \(compressionLevel)")
        }
        guard chunkSize.bytes == 0 || (4 << 10...64 << 20).contains(chunkSize.bytes) else {
            throw ValidationError("--chunk-size: expected 4KiB to 64MiB, or 0 for the default, not \(chunkSize)")
        }
        guard (0...1024).contains(threads) else {
            throw ValidationError("--threads: expected 0 to 1024, not \(threads)")
        }
    }

    func layerOptions(temporaryDirectory: FilePath) -> LayerOptions {
        LayerOptions(
            chunkSize: chunkSize.bytes == 0 ? LayerPlan.defaultChunkSize : chunkSize.bytes,
            level: CompressionLevel(compressionLevel) ?? .default, sizeLimit: limit.maxLayerSize.bytes,
            temporaryDirectory: temporaryDirectory,
            workers: threads == 0 ? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) : threads)
    }
}
