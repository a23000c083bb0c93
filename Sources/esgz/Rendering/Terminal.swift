import Content
import Glibc
import SystemPackage

/// The two outputs of the program: results on stdout, everything else on stderr.
enum Terminal {
    /// Gives a descriptor to each of stdin, stdout and stderr that the caller has closed.
    ///
    /// Else the next file to be opened, perhaps a blob, would take its number, and get our messages.
    static func openMissingStreams() {
        for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
            // The lowest free number is this one. What is written to a closed stdout is not to look written.
            _ = open("/dev/null", stream == STDOUT_FILENO ? O_RDONLY : O_RDWR)
        }
    }

    /// Writes a result and a line end to stdout.
    ///
    /// - Throws: `ClosedOutput` when nobody reads any more, or what else keeps the result from being written.
    static func print(_ text: String) throws {
        try emit(Array((text + "\n").utf8))
    }

    /// As `print`, for a result whose verdict is the exit status, which also counts when nobody reads any more.
    static func printVerdict(_ text: String) throws {
        do { try print(text) } catch is ClosedOutput {}
    }

    /// Writes bytes to stdout as they are.
    ///
    /// - Throws: `ClosedOutput` when nobody reads any more, or what else keeps them from being written.
    static func emit(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0 {
                let error = Errno(rawValue: errno)
                throw error == .brokenPipe || error == .badFileDescriptor
                    ? ClosedOutput() : FileFailure.cannot("write", "stdout", error)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes a result and a line end to stdout, or to stderr where stdout carries an image.
    static func show(_ text: String, besidesArchive: Bool) throws {
        if besidesArchive { say(text) } else { try print(text) }
    }

    /// Writes a line to stderr. What cannot be said there cannot be said anywhere.
    static func say(_ text: String) {
        ask(text + "\n")
    }

    /// Writes to stderr what an answer is to follow on the same line.
    static func ask(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Whether stderr is a terminal that understands cursor movements.
    static var isInteractive: Bool {
        isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// Columns of the terminal on stderr.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}

/// Stdout was closed by its reader.
struct ClosedOutput: Error {}
