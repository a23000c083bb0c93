import Content
import OCI
import Synchronization
import SystemPackage

/// Runs `body` on a file that `download` is still writing; when `body` ends, so does the download.
///
/// Bytes that were changed on their way are right the next time: when `body` finds the blob malformed, and it is not the
/// one that was wanted, all is done again.
func withDownload<Result: Sendable>(
    of descriptor: Descriptor, in directory: FilePath, _ retry: RetryPolicy,
    _ download: @escaping @Sendable (SpoolFile) async throws -> Void,
    _ body: @Sendable (SpoolFile) async throws -> Result
) async throws -> Result {
    var failures = 0
    while true {
        let spool = try SpoolFile(in: directory)
        do {
            return try await withDownload(to: spool, download, body)
        } catch let failure as any Failure where failure.mayBeDamage {
            failures += 1
            guard let damage = try await onCancellableThread({ try spool.damage(expecting: descriptor, $0) }),
                let delay = retry.delay(after: damage, failures: failures)
            else { throw failure }
            try await retry.sleep(delay)
        }
    }
}

private func withDownload<Result: Sendable>(
    to spool: SpoolFile, _ download: @escaping @Sendable (SpoolFile) async throws -> Void,
    _ body: @Sendable (SpoolFile) async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            do {
                try await download(spool)
                spool.finish()
            } catch {
                // Whoever reads finds the error where the missing bytes should be.
                spool.fail(error)
            }
        }
        do {
            let result = try await body(spool)
            group.cancelAll()
            return result
        } catch let failure as any Failure where failure.mayBeDamage {
            // Only all of it tells whether it is the right blob.
            try await group.waitForAll()
            throw failure
        }
    }
}

extension Failure {
    /// Whether this is what somebody says who reads a blob that was changed on its way.
    fileprivate var mayBeDamage: Bool { kind == .invalid || kind == .unsupported }
}

extension SpoolFile {
    /// - Returns: `nil` when this is the blob that was wanted, or not all of one.
    fileprivate func damage(expecting descriptor: Descriptor, _ cancellation: CancellationFlag) throws -> DigestFailure?
    {
        guard count == descriptor.size else { return nil }
        let actual = try slice.hashed(descriptor.digest.algorithm, cancellation).digest
        return actual == descriptor.digest ? nil : .mismatch(expected: descriptor.digest, actual: actual)
    }
}

/// Tells of each byte of a blob once, however often it has to be moved.
final class FurthestProgress: Sendable {
    private struct State {
        /// Of the attempt under way.
        var position: Int64 = 0
        var furthest: Int64 = 0
        var hasFallenBack = false
    }

    private let state = Mutex(State())
    private let report: @Sendable (Int) -> Void

    init(_ report: @escaping @Sendable (Int) -> Void) {
        self.report = report
    }

    /// Whether something was moved again.
    var hasFallenBack: Bool { state.withLock { $0.hasFallenBack } }

    /// Begins at the first byte, perhaps once more.
    ///
    /// - Returns: told of the number of bytes of each piece.
    func start() -> @Sendable (Int) -> Void {
        state.withLock { $0.position = 0 }
        return { [self] count in reach(state.withLock { $0.position + Int64(count) }) }
    }

    /// Tells of what is new up to a position, which falls back when something is moved again.
    func reach(_ position: Int64) {
        let new = state.withLock { state in
            let new = max(position - state.furthest, 0)
            state.furthest += new
            if position <= state.position { state.hasFallenBack = true }
            state.position = position
            return new
        }
        if new > 0 { report(Int(new)) }
    }
}
