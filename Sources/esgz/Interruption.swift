import Glibc
import Synchronization

/// Ends the program when it is asked to by SIGINT or SIGTERM: the first time in order, the second time at once.
final class Interruption: Sendable {
    /// Made by `main`, before there is another thread.
    static let shared = Interruption()

    private let received = Atomic<Int32>(0)
    private let taker = Mutex<(@Sendable () -> Bool)?>(nil)

    /// Blocks the signals for this thread and all that it will start; `wait` takes them instead of a handler.
    private init() {
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

    /// Lets somebody else have SIGINT for as long as `body` returns `true`.
    func take(_ body: @escaping @Sendable () -> Bool) {
        taker.withLock { $0 = body }
    }

    /// Calls `body` at the first signal, and ends the process at the second.
    ///
    /// For the main thread: left to the runtime, it would wait for work with all signals unblocked, and a signal would
    /// end the process there and then.
    func wait(_ body: () -> Void) -> Never {
        var signals = Self.signals
        var number: Int32 = 0
        repeat {
            while sigwait(&signals, &number) != 0 {}
        } while number == SIGINT && taker.withLock { $0?() ?? false }
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
