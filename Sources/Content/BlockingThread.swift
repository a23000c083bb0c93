import Glibc

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

/// Starts a thread that nobody joins.
///
/// - Throws: `ThreadFailure` when the system has no thread left.
package func detachThread(_ body: @escaping @Sendable () -> Void) throws {
    let start = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
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
