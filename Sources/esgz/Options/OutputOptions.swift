import ArgumentParser
import Content
import Glibc
import SystemPackage

/// Where results and progress go.
struct OutputOptions: ParsableArguments {
    enum Progress: String, ExpressibleByArgument, CaseIterable {
        case auto, tty, plain, json, none
    }

    @Option(
        help: ArgumentHelp("Show progress on stderr in this form: auto, tty, plain, json or none.", valueName: "form"))
    var progress = Progress.auto

    @Flag(name: [.short, .long], help: "Show no progress; warnings and errors are still shown.")
    var quiet = false

    @Flag(help: "Print a report in JSON on stdout instead of the digest.")
    var json = false

    @Option(help: ArgumentHelp("Write the digest of the result to this file as well.", valueName: "file"))
    var digestFile: String?

    /// Looks at the file before there is anything to write to it: an image that has been pushed cannot be taken back.
    func validate() throws {
        try digestFile.map { try Self.checkWritable($0, option: "--digest-file") }
    }

    static func checkWritable(_ file: String, option: String) throws {
        let path = FilePath(file)
        do {
            switch try? path.stat().type {
            case .regular?, .directory?: try FileDescriptor.open(path, .writeOnly, options: .closeOnExec).close()
            // Opening a pipe would be heard at its other end.
            case _?: break
            case nil:
                let directory = path.removingLastComponent()
                guard access(directory.isEmpty ? "." : directory.string, W_OK | X_OK) == 0 else {
                    throw Errno(rawValue: errno)
                }
            }
        } catch let error as Errno {
            throw ValidationError("\(option): cannot write \(file): \(error)")
        }
    }

    /// What shows progress; in a dry run nothing unless asked for, since what would be done is the result.
    func makeRenderer(isDryRun: Bool) -> ProgressRenderer {
        guard !quiet else { return ProgressRenderer(.none) }
        switch progress {
        case .auto where isDryRun: return ProgressRenderer(.none)
        case .auto: return ProgressRenderer(Terminal.isInteractive ? .terminal : .plain)
        case .tty: return ProgressRenderer(.terminal)
        case .plain: return ProgressRenderer(.plain)
        case .json: return ProgressRenderer(.json)
        case .none: return ProgressRenderer(.none)
        }
    }

    /// Writes the digest without a line end, as CI systems expect it of a result file.
    func write(_ digest: Digest) throws {
        guard let digestFile else { return }
        let path = FilePath(digestFile)
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try file.closeAfter { _ = try file.writeAll(digest.description.utf8) }
        } catch let error as Errno {
            throw DigestFileFailure(path: path, error: error)
        }
    }
}

/// The digest cannot be noted.
private struct DigestFileFailure: Failure {
    let path: FilePath
    let error: Errno

    // Also when a directory is missing: the source has been found.
    var kind: FailureKind { .io }
    var description: String { "--digest-file: cannot write \(path): \(error)" }
}
