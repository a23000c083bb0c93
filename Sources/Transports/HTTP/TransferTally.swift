import Synchronization

/// Counts what has gone over the network in one run.
package final class TransferTally: Sendable {
    private struct State {
        var requests = 0
        var received: Int64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Requests that were sent, redirected and repeated ones among them.
    package var requests: Int { state.withLock { $0.requests } }

    /// Bytes of the bodies of answers.
    package var received: Int64 { state.withLock { $0.received } }

    func add(received count: Int64) {
        state.withLock { state in
            state.requests += 1
            state.received += count
        }
    }
}
