/// Lets a limited number of tasks through at a time, in the order in which they came.
package actor Gate {
    private var permits: Int
    private var waiting: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var nextID = 0

    package init(_ permits: Int) {
        self.permits = permits
    }

    /// Runs `body` when a permit is free.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits.
    package nonisolated func withPermit<Result: Sendable>(
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        try await acquire()
        do {
            let result = try await body()
            await release()
            return result
        } catch {
            await release()
            throw error
        }
    }

    private func acquire() async throws {
        try Task.checkCancellation()
        guard permits == 0 else {
            permits -= 1
            return
        }
        let id = nextID
        nextID += 1
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    waiting.append((id, continuation))
                }
            }
        } onCancel: {
            // The one place where a task has to start another: a cancellation handler cannot wait for the actor.
            Task { await self.abandon(id) }
        }
    }

    private func abandon(_ id: Int) {
        guard let position = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: position).continuation.resume(throwing: CancellationError())
    }

    private func release() {
        if waiting.isEmpty {
            permits += 1
        } else {
            waiting.removeFirst().continuation.resume()
        }
    }
}
