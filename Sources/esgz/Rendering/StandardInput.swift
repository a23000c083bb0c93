import Content
import Glibc
import SystemPackage
import Transports

/// What is read from stdin besides archives: secrets, from a pipe or from somebody who types them.
enum StandardInput {
    private static let limit = 64 << 10

    /// The line `USER:PASSWORD` of a pipe; read once, however often it is asked for.
    static let credentials = Result<Credentials, any Error> {
        guard let credentials = Credentials(parsing: try all()) else { throw InputFailure.noCredentials }
        return credentials
    }

    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// All of it, without the line end.
    static func all() throws -> String {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        do {
            while case let count = try FileDescriptor.standardInput.read(into: buffer), count > 0 {
                bytes += buffer[..<count]
                guard bytes.count <= limit else { throw InputFailure.tooLong(limit: limit) }
            }
        } catch let error as Errno {
            throw FileFailure.cannot("read", "stdin", error)
        }
        return try line(bytes)
    }

    /// Asks somebody at a terminal for a line.
    ///
    /// - Parameters:
    ///   - question: shown on stderr.
    ///   - isSecret: what is typed does not show up.
    /// - Returns: the line, without its end.
    /// - Throws: `CancellationError` when the program is interrupted meanwhile; the terminal is then as it was.
    static func answer(to question: String, isSecret: Bool) async throws -> String {
        guard isTerminal else { throw InputFailure.noTerminal }
        return try await onCancellableThread { flag in
            var settings = termios()
            guard tcgetattr(STDIN_FILENO, &settings) == 0 else { throw InputFailure.noTerminal }
            var silent = settings
            silent.c_lflag &= ~tcflag_t(ECHO)
            if isSecret { tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) }
            defer {
                if isSecret {
                    tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
                    // The line end was not shown either.
                    Terminal.say("")
                }
            }
            Terminal.ask(question)
            var bytes: [UInt8] = []
            while bytes.last != UInt8(ascii: "\n") {
                try flag.check()
                // An interruption must be noticed while nobody types.
                var wanted = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
                guard poll(&wanted, 1, 100) != 0 else { continue }
                var piece = [UInt8](repeating: 0, count: 4096)
                let count = read(STDIN_FILENO, &piece, piece.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                bytes += piece[..<count]
                guard bytes.count <= limit else { throw InputFailure.tooLong(limit: limit) }
            }
            return try line(bytes)
        }
    }

    private static func line(_ bytes: [UInt8]) throws -> String {
        var bytes = bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes = bytes.dropLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes = bytes.dropLast() }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0x0a), !text.utf8.contains(0)
        else { throw InputFailure.notALine }
        return text
    }
}

extension StandardInput {
    /// Stdin cannot be an archive and hold credentials as well.
    struct TakenTwice: Failure {
        var kind: FailureKind { .usage }
        var description: String { "the source comes from stdin, so credentials cannot; log in with 'esgz login' first" }
    }
}

/// What came from stdin is not what was wanted. Nothing of it is shown.
private enum InputFailure: Failure {
    case noCredentials
    case noTerminal
    case notALine
    case tooLong(limit: Int)

    var kind: FailureKind { .usage }

    var description: String {
        switch self {
        case .noCredentials: "expected one line USER:PASSWORD on stdin"
        case .noTerminal: "stdin is no terminal to ask at; use --username and --password-stdin"
        case .notALine: "expected one line of UTF-8 on stdin"
        case .tooLong(let limit): "expected at most \(limit) bytes on stdin"
        }
    }
}
