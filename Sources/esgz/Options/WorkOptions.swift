import ArgumentParser
import Content
import Glibc
import SystemPackage

/// How much is done at a time, and where.
struct WorkOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Work on at most this many layers, and send at most this many requests, at a time.", valueName: "count"))
    var jobs = 4

    @Option(
        help: ArgumentHelp(
            "Keep temporary files in this directory. (default: $TMPDIR, else /var/tmp, else /tmp)", valueName: "dir"))
    var tmpDir: String?

    func validate() throws {
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs: expected 1 to 64, not \(jobs)") }
    }

    /// The directory for temporary files.
    ///
    /// - Throws: when none can be made there.
    func temporaryDirectory() throws -> FilePath {
        let directory = chosenDirectory
        guard access(directory.string, W_OK | X_OK) == 0 else {
            throw TemporaryDirectoryFailure(directory: directory, error: Errno(rawValue: errno))
        }
        return directory
    }

    private var chosenDirectory: FilePath {
        if let tmpDir { return FilePath(tmpDir) }
        if let variable = getenv("TMPDIR"), variable.pointee != 0 { return FilePath(String(cString: variable)) }
        return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp"
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
