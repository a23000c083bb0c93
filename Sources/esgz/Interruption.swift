import Content
import Glibc
import Synchronization

/// Ends the program when it is asked to by SIGINT or SIGTERM: the first time in order, the second time at once.
final class Interruption: Sendable {
    private let received = Atomic<Int32>(0)

    /// Blocks the signals for all threads; a thread that waits for them takes them instead of a handler.
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

    /// Calls `body` at the first signal.
    func onSignal(_ body: @escaping @Sendable () -> Void) {
        // Without the thread the signals stay blocked, and the program can still be killed.
        try? detachThread { [self] in
            var signals = Self.signals
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { return }
            received.store(number, ordering: .releasing)
            body()
            guard sigwait(&signals, &number) == 0 else { return }
            _exit(128 + number)
        }
    }

    /// 130 or 143, after the signal that came.
    var exitStatus: Int32 {
        let number = received.load(ordering: .acquiring)
        return 128 + (number == 0 ? SIGINT : number)
    }
}
