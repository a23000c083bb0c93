import Content

/// When a request is sent again, and how long to wait before.
package struct RetryPolicy: Sendable {
    /// How often a request is sent at most.
    package var tries = 5
    package var firstDelay: Duration = .milliseconds(100)
    package var longestDelay: Duration = .seconds(5)
    /// A registry that asks for more patience than this gets none: the error says so at once.
    package var longestRetryAfter: Duration = .seconds(15 * 60)
    /// Told when a registry asks for more patience than people have without being told.
    package var notice: @Sendable (String) -> Void = { _ in }
    /// Waits; replaced in tests.
    package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// A number from zero to one, so that clients which failed together do not come back together.
    package var random: @Sendable () -> Double = { Double.random(in: 0...1) }

    package init() {}

    /// - Parameters:
    ///   - retries: how often a request is sent again.
    ///   - firstDelay: how long to wait before the first time.
    package init(retries: Int, firstDelay: Duration) {
        tries = retries + 1
        self.firstDelay = firstDelay
        longestDelay = max(longestDelay, firstDelay)
    }

    /// Runs `attempt` until it succeeds, fails for good, or the tries are used up; then its last error is thrown.
    ///
    /// `attempt` must be able to run again from its start.
    package func run<Result>(
        isolation: isolated (any Actor)? = #isolation, _ attempt: () async throws -> Result
    ) async throws -> Result {
        var failures = 0
        while true {
            do {
                return try await attempt()
            } catch {
                failures += 1
                guard let delay = delay(after: error, failures: failures) else { throw error }
                if delay >= .seconds(5), let failure = error as? RegistryFailure, failure.retryAfter != nil {
                    notice(
                        "\(failure.url.hostAndPort): waiting for \(delay.components.seconds) s, as it asks with status "
                            + "\(failure.status)")
                }
                try await sleep(delay)
            }
        }
    }

    /// How long to wait after the failed attempt number `failures`; `nil` when it was the last.
    package func delay(after error: any Error, failures: Int) -> Duration? {
        guard failures < tries else { return nil }
        switch error {
        case let failure as HTTPFailure where failure.isTransient:
            return backOff(failures)
        // Bytes that were changed on their way are right the next time, unless it is the registry that has them wrong.
        case DigestFailure.mismatch, RegistryAnswerFailure.sizeMismatch:
            return failures < min(tries, 3) ? backOff(failures) : nil
        case let failure as RegistryFailure where failure.isTransient:
            guard let seconds = failure.retryAfter else { return backOff(failures) }
            return .seconds(seconds) <= longestRetryAfter ? .seconds(seconds) : nil
        default:
            return nil
        }
    }

    /// Four times as long each time, of which a random half is taken off.
    private func backOff(_ failures: Int) -> Duration {
        let delay = (1..<max(failures, 1)).reduce(firstDelay) { delay, _ in min(delay * 4, longestDelay) }
        return delay * (0.5 + random() / 2)
    }
}
