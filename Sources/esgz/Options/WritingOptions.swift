import ArgumentParser
import Content
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

    @Option(
        help: ArgumentHelp(
            "Refuse layers that are larger than this uncompressed, with sparse files expanded.", valueName: "size"))
    var maxLayerSize = ByteCount(64 << 30)

    @Option(
        name: [.long, .customLong("estargz-parallelism")],
        help: ArgumentHelp("Compress with this many threads; 0 for one a core.", valueName: "count"))
    var threads = 0

    @Option(help: ArgumentHelp("Work on at most this many layers at a time.", valueName: "count"))
    var jobs = 4

    @Option(
        help: ArgumentHelp(
            "Keep temporary files in this directory. (default: $TMPDIR, else /var/tmp, else /tmp)", valueName: "dir"))
    var tmpDir: String?

    func validate() throws {
        guard CompressionLevel(compressionLevel) != nil else {
            throw ValidationError("--compression-level: expected 0 to 12, not \(compressionLevel)")
        }
        guard chunkSize.bytes == 0 || (4 << 10...64 << 20).contains(chunkSize.bytes) else {
            throw ValidationError("--chunk-size: expected 4KiB to 64MiB, or 0 for the default, not \(chunkSize)")
        }
        guard maxLayerSize.bytes > 0 else { throw ValidationError("--max-layer-size: expected more than 0") }
        guard (0...1024).contains(threads) else {
            throw ValidationError("--threads: expected 0 to 1024, not \(threads)")
        }
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs: expected 1 to 64, not \(jobs)") }
    }

    var temporaryDirectory: FilePath {
        if let tmpDir { return FilePath(tmpDir) }
        if let variable = getenv("TMPDIR"), variable.pointee != 0 { return FilePath(String(cString: variable)) }
        return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp"
    }

    /// - Throws: when temporary files cannot be made.
    func checkTemporaryDirectory() throws {
        let directory = temporaryDirectory
        guard access(directory.string, W_OK | X_OK) == 0 else {
            throw TemporaryDirectoryFailure(directory: directory, error: Errno(rawValue: errno))
        }
    }

    var layerOptions: LayerOptions {
        LayerOptions(
            chunkSize: chunkSize.bytes == 0 ? LayerPlan.defaultChunkSize : chunkSize.bytes,
            level: CompressionLevel(compressionLevel) ?? .default, sizeLimit: maxLayerSize.bytes,
            temporaryDirectory: temporaryDirectory,
            workers: threads == 0 ? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) : threads)
    }
}

/// The directory that was named for temporary files does not serve.
private struct TemporaryDirectoryFailure: Failure {
    let directory: FilePath
    let error: Errno

    var kind: FailureKind { .usage }
    var description: String {
        "cannot make temporary files in \(directory): \(error); name another directory with --tmp-dir"
    }
}
