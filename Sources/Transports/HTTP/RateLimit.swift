import Glibc
import Synchronization

/// Lets so many bytes pass in a second, over all transfers that share it.
final class RateLimit: Sendable {
    /// How much should pass at once, so that it comes evenly and cancelling takes effect soon.
    let pieceSize: Int
    private let bytesPerSecond: Double
    /// When all that has passed so far would have passed at the rate allowed.
    private let due = Mutex<ContinuousClock.Instant>(.now)

    init(bytesPerSecond: Int64) {
        self.bytesPerSecond = Double(max(bytesPerSecond, 1))
        pieceSize = Int(min(max(bytesPerSecond / 8, 1 << 10), 512 << 10))
    }

    /// Waits until bytes that are about to pass may do so. Ends early when nobody waits for them any more.
    func pass(_ count: Int, unless cancellation: CancellationFlag) {
        let due = due.withLock { due in
            // Who comes late has saved up nothing.
            due = max(due, .now) + .seconds(Double(count) / bytesPerSecond)
            return due
        }
        while !cancellation.isCancelled {
            let left = (due - .now) / Duration.milliseconds(1)
            guard left > 0 else { return }
            usleep(UInt32(min(left, 50) * 1000) + 1)
        }
    }
}
