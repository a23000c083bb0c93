import Content
import Glibc
import SystemPackage

/// What the workload reads and writes: standard input goes to it if it may, its output and errors come here and go to
/// standard error, so that standard output stays for results.
final class WorkloadStreams {
    private static let blockSize = 64 << 10

    /// For the runtime: input, output and error; none once it has them.
    private(set) var forProcess: [FileDescriptor]
    /// What the workload writes, until it is closed there.
    private var outputs: [Output]
    /// Where our standard input goes; `nil` at its end, or when nobody wants it.
    private var input: FileDescriptor?
    /// Whether the awaited text has come.
    private(set) var hasFoundText = false
    private var unsent: ArraySlice<UInt8> = []
    /// What the runtime wrote to standard error before the workload started: it is in its log as well, if it is why the
    /// workload did not start.
    private var held: [UInt8]? = []
    private let terminal: TerminalState?
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: blockSize, alignment: 1)

    init(_ request: WorkloadRequest) throws {
        terminal = request.usesTerminal ? try TerminalState() : nil
        let (output, errors) = (try Self.pipe(), try Self.pipe())
        outputs = [
            Output(end: output.readEnd, isErrors: false, search: request.awaitedText.map { TextSearch($0) }),
            Output(end: errors.readEnd, isErrors: true, search: nil),
        ]
        let source: FileDescriptor
        if request.usesTerminal {
            source = try FileDescriptor.standardInput.duplicate()
        } else if request.attachesInput {
            // Not the descriptor itself: runtimes give their streams, files included, to the user of the workload.
            let ends = try Self.pipe()
            source = ends.readEnd
            input = ends.writeEnd
            _ = fcntl(ends.writeEnd.rawValue, F_SETFL, O_NONBLOCK)
        } else {
            source = try FileDescriptor.open("/dev/null", .readOnly, options: .closeOnExec)
        }
        forProcess = [source, output.writeEnd, errors.writeEnd]
    }

    deinit {
        // All that matters has been read.
        for end in forProcess + outputs.map(\.end) + (input.map { [$0] } ?? []) { try? end.close() }
        block.deallocate()
    }

    private static func pipe() throws -> (readEnd: FileDescriptor, writeEnd: FileDescriptor) {
        let ends = try FileDescriptor.pipe()
        for end in [ends.readEnd, ends.writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        return ends
    }

    /// Once the runtime has them.
    func closeEndsOfProcess() throws {
        let ends = forProcess
        forProcess = []
        for end in ends { try end.close() }
    }

    /// What to wait for; descriptors of the outputs come first.
    var requests: [pollfd] {
        var requests = outputs.map { pollfd(fd: $0.end.rawValue, events: Int16(POLLIN), revents: 0) }
        if let input {
            requests.append(
                unsent.isEmpty
                    ? pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
                    : pollfd(fd: input.rawValue, events: Int16(POLLOUT), revents: 0))
        }
        return requests
    }

    /// Passes on what is there, by the answers of `poll` to `requests`.
    func relay(_ answers: some Sequence<pollfd>) throws {
        for answer in answers where answer.revents != 0 {
            if let position = outputs.firstIndex(where: { $0.end.rawValue == answer.fd }) {
                try relay(position)
            } else {
                try relayInput()
            }
        }
    }

    /// Passes on what was held back, and all that follows at once.
    func release() {
        if let held { _ = try? FileDescriptor.standardError.writeAll(held) }
        held = nil
    }

    /// Passes on what the workload wrote before it ended.
    func drain() throws {
        while !outputs.isEmpty { try relay(0) }
    }

    private func relay(_ position: Int) throws {
        let count = try outputs[position].end.read(into: block)
        guard count > 0 else {
            return try outputs.remove(at: position).end.close()
        }
        let bytes = UnsafeRawBufferPointer(rebasing: block[..<count])
        if outputs[position].isErrors, held != nil {
            held?.append(contentsOf: bytes)
        } else {
            // Nobody reads it any more, which is no reason to stop.
            _ = try? FileDescriptor.standardError.writeAll(bytes)
        }
        if outputs[position].search?.find(in: bytes) == true { hasFoundText = true }
    }

    private func relayInput() throws {
        guard let input else { return }
        do {
            if unsent.isEmpty {
                let count = try FileDescriptor.standardInput.read(into: block)
                unsent = ArraySlice(block[..<count])
            }
            let sent = try unsent.withUnsafeBytes { try input.write($0) }
            unsent = unsent.dropFirst(sent)
            if sent > 0 { return }
        } catch Errno.resourceTemporarilyUnavailable {
            return
        } catch Errno.brokenPipe {
            // The workload has closed its standard input.
        }
        self.input = nil
        try input.close()
    }
}

extension WorkloadStreams {
    private struct Output {
        let end: FileDescriptor
        let isErrors: Bool
        /// For the text that somebody waits for.
        var search: TextSearch?
    }
}

/// Finds a text in bytes that come in pieces.
struct TextSearch {
    private let text: [UInt8]
    /// The end of what came so far, in which the text may have begun.
    private var rest: [UInt8] = []

    init(_ text: String) {
        self.text = Array(text.utf8)
    }

    /// - Returns: whether the text has come to its end in these bytes.
    mutating func find(in bytes: UnsafeRawBufferPointer) -> Bool {
        rest += bytes
        let isFound = rest.indices.contains { rest[$0...].starts(with: text) }
        rest.removeFirst(max(0, rest.count - max(0, text.count - 1)))
        return isFound
    }
}

/// How the terminal of standard input is set, and again at the end: runtimes that are killed leave it as it is.
private final class TerminalState {
    private var saved = termios()

    /// - Throws: `RecordingFailure.noTerminal`.
    init() throws {
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else { throw RecordingFailure.noTerminal }
    }

    deinit {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved)
    }
}
