import Content
import OCI
import SystemPackage

/// Why a workload could not be run and recorded.
enum RecordingFailure: Failure {
    case missing([String])
    case nothingToRun
    case stopSignal(String)
    case tooLarge(String, size: Int64, limit: Int64)
    case mountPoint(String)
    case otherPlatform(Platform, local: Platform)
    case cannot(String, Errno)
    case noTerminal
    case overflow
    case notStarted(String)
    case failed(status: Int32, after: Duration)
    case nothingOpened

    var kind: FailureKind {
        switch self {
        case .nothingToRun, .noTerminal: .usage
        case .stopSignal, .tooLarge, .mountPoint, .notStarted, .failed, .nothingOpened: .invalid
        case .otherPlatform: .unsupported
        case .missing, .cannot, .overflow: .io
        }
    }

    var description: String {
        switch self {
        case .missing(let things):
            """
            cannot run the workload, which needs \(things.joined(separator: " and ")); --static makes a profile \
            without running anything
            """
        case .nothingToRun: "the image does not say what to run; use --entrypoint or --args"
        case .stopSignal(let text): "the image's stop signal: expected a name or number of Linux, not '\(text)'"
        case .tooLarge(let path, let size, let limit):
            "\(path) of the image has \(size) bytes, expected at most \(limit)"
        case .mountPoint(let path):
            "\(path) of the image is no directory, as it has to be for what is mounted there in a container"
        case .otherPlatform(let platform, let local):
            """
            an image for \(platform) does not run on this machine, \(local): record it there, or make a profile \
            without running anything with --static
            """
        case .cannot(let verb, let error): "cannot \(verb): \(error)"
        case .noTerminal: "--terminal: standard input is not a terminal"
        case .overflow: "the kernel lost count of the files that the workload opened; try again on a machine less busy"
        case .notStarted(let complaint): "the workload did not start: \(complaint)"
        case .failed(let status, let time):
            """
            the workload failed with status \(status)\(Self.signal(status)) after \(time.seconds); correct how it is \
            run, or take the profile all the same with --allow-failure
            """
        case .nothingOpened: "the workload opened no file of the image"
        }
    }

    /// Runtimes, as shells, add 128 to the number of a signal.
    private static func signal(_ status: Int32) -> String {
        (129...192).contains(status) ? " (\(SignalName.text(status - 128)))" : ""
    }
}

extension Duration {
    /// Such as `1.5 s`.
    var seconds: String {
        let tenths = components.seconds * 10 + components.attoseconds / 100_000_000_000_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
