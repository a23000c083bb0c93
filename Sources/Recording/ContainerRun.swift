import Archive
import Content
import Glibc
import SystemPackage

/// Runs a workload in a container to its end, and notes which files of the image it opens.
///
/// For a thread of its own, which gets mounts of its own.
struct ContainerRun {
    enum End: Equatable {
        case byItself(status: Int32)
        case period, text, wish
    }

    struct Record {
        /// Each once, by first use, as processes in the container see them.
        var paths: [EntryPath] = []
        var end: End
        var time: Duration
        /// Whether it did not end when it was asked to.
        var wasKilled: Bool
        /// Whether it wrote the text that ends it.
        var wroteText: Bool

        /// What to say of that, behind how it was ended.
        var killedText: String {
            wasKilled ? ", by SIGKILL, since it went on for \(ContainerRun.grace.seconds) after it was asked to" : ""
        }
    }

    /// How long a workload may take to end after it was asked to.
    private static let grace = Duration.seconds(5)

    let runtime: Runtime
    let workload: Workload
    let request: WorkloadRequest
    let control: RunControl
    let directory: RunDirectory

    /// - Throws: `CancellationError` when the run was abandoned; `RecordingFailure` when the workload did not start, or
    ///   what it opened is not known.
    func run() throws -> Record {
        try mountOverlay(in: directory.path)
        // They would go with this thread as well, but only a moment after it.
        defer { for mount in ["root", "memory"] { umount2(mount, Int32(MNT_DETACH)) } }
        let watch: FileAccessWatch
        do {
            watch = try FileAccessWatch(fileSystemOf: "root")
        } catch let error as Errno {
            throw RecordingFailure.cannot(
                "watch a file system with fanotify, as Linux does from version 5.0 on if it was built to", error)
        }
        let streams = try WorkloadStreams(request)
        let process = try IsolatedProcess(
            runtime.path,
            [
                "--root", directory.stateDirectory.string, "--log", directory.log.string, "--log-format", "json", "run",
                "--bundle", directory.path.string, directory.name,
            ], streams: streams.forProcess, keepsSession: request.usesTerminal)
        var observation = Observation(self, process, watch, streams)
        control.isRunning = true
        defer { control.isRunning = false }
        do {
            try streams.closeEndsOfProcess()
            try observation.waitForEnd()
        } catch {
            kill(process.id, SIGKILL)
            _ = try process.wait()
            try? process.descriptor.close()
            throw error
        }
        let status = try process.wait()
        try process.descriptor.close()
        try observation.finish()
        guard control.current != .abandon else { throw CancellationError() }
        guard observation.hasStarted else {
            guard let complaint else {
                streams.release()
                throw RecordingFailure.notStarted("\(programName) ended with status \(status)")
            }
            throw RecordingFailure.notStarted("\(programName): \(complaint)")
        }
        return Record(
            paths: observation.paths, end: observation.end ?? .byItself(status: status), time: observation.time,
            wasKilled: observation.wasKilled, wroteText: streams.hasFoundText)
    }

    private var programName: String { runtime.path.lastComponent?.string ?? runtime.path.string }

    /// The last that the runtime has noted, which is why it gave up.
    private var complaint: String? {
        guard let text = try? readFileOfProc(directory.log), let line = text.split(separator: "\n").last,
            let entry = try? JSON(parsing: Array(line.utf8)), let message = entry["msg"]?.string
        else { return nil }
        // runc says its own name first.
        let prefix = "\(programName) run failed: "
        return message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    }

    /// What happens while the container runs.
    private struct Observation {
        private let run: ContainerRun
        private let process: IsolatedProcess
        private let watch: FileAccessWatch
        private let streams: WorkloadStreams
        private let clock = ContinuousClock()
        private var start: ContinuousClock.Instant
        private var seen: Set<EntryPath> = []
        private(set) var paths: [EntryPath] = []
        private(set) var hasStarted = false
        /// Why it was asked to end, and how long it may take.
        private(set) var end: End?
        private var deadline: ContinuousClock.Instant?
        private var stopped: ContinuousClock.Instant?
        private(set) var wasKilled = false

        init(_ run: ContainerRun, _ process: IsolatedProcess, _ watch: FileAccessWatch, _ streams: WorkloadStreams) {
            self.run = run
            self.process = process
            self.watch = watch
            self.streams = streams
            start = clock.now
            deadline = run.request.period.map { clock.now + $0 }
        }

        /// Until it ended or was asked to.
        var time: Duration { max(.zero, (stopped ?? clock.now) - start) }

        mutating func waitForEnd() throws {
            while true {
                var requests = [watch.descriptor, process.descriptor, run.control.readEnd].map {
                    pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0)
                }
                requests += streams.requests
                guard poll(&requests, nfds_t(requests.count), timeout) >= 0 || errno == EINTR else {
                    throw Errno(rawValue: errno)
                }
                if requests[0].revents != 0 { try note() }
                try streams.relay(requests[3...])
                if requests[1].revents != 0 { return }
                if requests[2].revents != 0 { try obey() }
                if streams.hasFoundText { stop(.text) }
                if let deadline, clock.now >= deadline { end == nil ? stop(.period) : killAll() }
            }
        }

        /// Takes what is left once nobody is there any more.
        mutating func finish() throws {
            try note()
            try streams.drain()
        }

        /// Milliseconds for `poll`, one more than none are left.
        private var timeout: Int32 {
            guard let deadline else { return -1 }
            let left = (deadline - clock.now).components
            return Int32(clamping: max(0, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1))
        }

        private mutating func note() throws {
            for path in try watch.read() {
                let path = EntryPath(cleaning: path)
                if seen.insert(path).inserted { paths.append(path) }
            }
            if !hasStarted, watch.first != nil {
                // The runtime has done its part.
                hasStarted = true
                streams.release()
                start = clock.now
                if end == nil { deadline = run.request.period.map { clock.now + $0 } }
            }
        }

        private mutating func obey() throws {
            var bytes: [UInt8] = [0, 0]
            _ = try bytes.withUnsafeMutableBytes { try run.control.readEnd.read(into: $0) }
            run.control.current == .abandon ? killAll() : stop(.wish)
        }

        /// Asks the workload to end, as its image wants to be asked.
        private mutating func stop(_ reason: End) {
            guard end == nil else { return }
            end = reason
            let now = clock.now
            stopped = now
            deadline = now + ContainerRun.grace
            kill(watch.first.flatMap { $0 > 0 ? $0 : nil } ?? process.id, run.workload.stopSignal)
        }

        private mutating func killAll() {
            end = end ?? .wish
            deadline = nil
            wasKilled = true
            kill(process.id, SIGKILL)
        }
    }
}
