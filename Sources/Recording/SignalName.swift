import Glibc

/// A signal as images name it: `SIGTERM`, `TERM` or `15`.
struct SignalName {
    static let terminate = SIGTERM

    private static let numbers: [String: Int32] = [
        "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT, "IOT": SIGABRT,
        "BUS": SIGBUS, "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2,
        "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM, "STKFLT": 16, "CHLD": SIGCHLD, "CONT": SIGCONT,
        "STOP": SIGSTOP, "TSTP": SIGTSTP, "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG, "XCPU": SIGXCPU,
        "XFSZ": SIGXFSZ, "VTALRM": SIGVTALRM, "PROF": SIGPROF, "WINCH": SIGWINCH, "IO": SIGIO, "POLL": SIGIO,
        "PWR": SIGPWR, "SYS": SIGSYS,
    ]
    /// The first and last of the signals without a name, as programs see them.
    private static let realTime: ClosedRange<Int32> = 34...64

    let number: Int32

    /// - Throws: for what is no signal.
    init(_ text: String) throws {
        let name = text.uppercased()
        let short = name.hasPrefix("SIG") ? String(name.dropFirst(3)) : name
        guard let number = Int32(text) ?? Self.numbers[short] ?? Self.realTimeNumber(short),
            (1...Self.realTime.upperBound).contains(number)
        else { throw RecordingFailure.stopSignal(text) }
        self.number = number
    }

    /// `RTMIN+3`, `RTMAX-14`: what systemd in a container is stopped with.
    private static func realTimeNumber(_ name: String) -> Int32? {
        for (prefix, base) in [("RTMIN", realTime.lowerBound), ("RTMAX", realTime.upperBound)]
        where name.hasPrefix(prefix) {
            let offset = name.dropFirst(prefix.count)
            guard let number = offset.isEmpty ? 0 : Int32(offset), number.magnitude <= realTime.count else {
                return nil
            }
            return realTime.contains(base + number) ? base + number : nil
        }
        return nil
    }

    /// Such as `SIGKILL`, for messages.
    static func text(_ number: Int32) -> String {
        numbers.filter { $0.value == number }.keys.min().map { "SIG" + $0 } ?? "signal \(number)"
    }
}
