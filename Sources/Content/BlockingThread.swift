import Glibc
import Synchronization

/// Runs `body` on a thread of its own and waits for it without blocking the cooperative pool.
///
/// For work that waits: transfers, and the stages of a layer that wait for each other.
package func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        do {
            try detachThread { continuation.resume(with: Swift.Result { try body() }) }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// As `onThread`, for work that changes what belongs to a thread, such as its directory and its mounts.
///
/// Whoever resumes a task may start a thread of the pool, which then takes after it; so another thread does that.
package func onSecludedThread<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await onThread {
        let outcome = Mutex<Swift.Result<Result, any Error>?>(nil)
        let thread = try startThread(isDetached: false) {
            let result = Swift.Result { try body() }
            outcome.withLock { $0 = result }
        }
        pthread_join(thread, nil)
        return try outcome.withLock { $0 ?? .failure(ThreadFailure(status: ESRCH)) }.get()
    }
}

/// Starts a thread that nobody joins.
///
/// - Throws: `ThreadFailure` when the system has no thread left.
package func detachThread(_ body: @escaping @Sendable () -> Void) throws {
    _ = try startThread(isDetached: true, body)
}

private func startThread(isDetached: Bool, _ body: @escaping @Sendable () -> Void) throws -> pthread_t {
    let start = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(isDetached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE))
    let status = pthread_create(
        &thread, &attributes,
        { argument in
            guard let argument else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, start.toOpaque())
    guard status == 0 else {
        start.release()
        throw ThreadFailure(status: status)
    }
    return thread
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

package struct ThreadFailure: Failure {
    let status: Int32

    package var kind: FailureKind { .io }
    package var description: String { "cannot start a thread: \(String(cString: strerror(status)))" }
}
