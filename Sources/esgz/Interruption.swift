import Glibc
import Synchronization

/// Ends the program when it is asked to by SIGINT or SIGTERM: the first time in order, the second time at once.
final class Interruption: Sendable {
    private let received = Atomic<Int32>(0)

    /// Blocks the signals for this thread and all that it will start; `wait` takes them instead of a handler.
    init() {
        var signals = Self.signals
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private static var signals: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    /// Calls `body` at the first signal, and ends the process at the second.
    ///
    /// For the main thread: left to the runtime, it would wait for work with all signals unblocked, and a signal would
    /// end the process there and then.
    func wait(_ body: () -> Void) -> Never {
        var signals = Self.signals
        var number: Int32 = 0
        while sigwait(&signals, &number) != 0 {}
        received.store(number, ordering: .releasing)
        body()
        while sigwait(&signals, &number) != 0 {}
        _exit(128 + number)
    }

    /// 130 or 143, after the signal that came.
    var exitStatus: Int32 {
        let number = received.load(ordering: .acquiring)
        return 128 + (number == 0 ? SIGINT : number)
    }
}
