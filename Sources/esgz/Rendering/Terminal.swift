import Glibc

/// The two outputs of the program: results on stdout, everything else on stderr.
enum Terminal {
    /// Writes a result and a line end to stdout.
    ///
    /// - Throws: `ClosedOutput` when nobody reads any more.
    static func print(_ text: String) throws {
        var rest = Array((text + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ClosedOutput() }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes a line to stderr. What cannot be said there cannot be said anywhere.
    static func say(_ text: String) {
        let bytes = Array((text + "\n").utf8)
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
