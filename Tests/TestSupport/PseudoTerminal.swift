import Content
import Glibc
import SystemPackage

/// A terminal without a screen, for programs that ask people.
package final class PseudoTerminal: Sendable {
    /// `TIOCSPTLCK` and `TIOCGPTN`, which are macros of macros.
    private static let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)

    private let ours: FileDescriptor
    /// The end that programs take for a terminal.
    package let theirs: FilePath
    /// Kept open, so that what happens to the terminal does not depend on programs.
    private let kept: FileDescriptor
    private let shown = Monitor((text: "", isClosed: false))

    package init() throws {
        // What posix_openpt, unlockpt and ptsname do, which Swift does not see.
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var lock: CInt = 0
        var number: CInt = 0
        guard master >= 0, ioctl(master, Self.setLock, &lock) == 0, ioctl(master, Self.getNumber, &number) == 0 else {
            throw Errno(rawValue: errno)
        }
        ours = FileDescriptor(rawValue: master)
        let path = "/dev/pts/\(number)"
        theirs = FilePath(path)
        kept = FileDescriptor(rawValue: open(path, O_RDWR | O_NOCTTY | O_CLOEXEC))
        let reader = Unmanaged.passRetained(self)
        try detachThread {
            reader.takeUnretainedValue().read()
            reader.release()
        }
    }

    /// Everything that the terminal has shown.
    package var text: String { shown.withLock { $0.text } }

    /// Waits for a text on the screen, then types. Only for threads.
    package func type(_ line: String, after question: String) throws {
        shown.wait { $0.isClosed || $0.text.contains(question) ? () : nil }
        try ours.writeAll(line.utf8)
    }

    /// Whether what is typed shows up.
    package var echoes: Bool {
        var settings = termios()
        return tcgetattr(kept.rawValue, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }

    /// Whoever made the terminal calls this.
    package func close() {
        // The reader ends when the last of the other ends is closed; then so is ours.
        try? kept.close()
    }

    private func read() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        while let count = try? ours.read(into: buffer), count > 0 {
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            shown.withLock { $0.text += text }
        }
        shown.withLock { $0.isClosed = true }
        try? ours.close()
    }
}
