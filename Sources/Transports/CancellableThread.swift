import Content
import Synchronization

/// Tells a blocking call on a thread of its own that nobody waits for it any more.
package final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    package var isCancelled: Bool { flag.load(ordering: .relaxed) }

    package func cancel() {
        flag.store(true, ordering: .relaxed)
    }

    /// - Throws: `CancellationError` once the flag is raised.
    package func check() throws {
        if isCancelled { throw CancellationError() }
    }
}

/// Runs `body` on a thread of its own. Cancelling the task raises the flag; `body` ends soon after.
package func onCancellableThread<Result: Sendable>(
    _ body: @escaping @Sendable (CancellationFlag) throws -> Result
) async throws -> Result {
    let flag = CancellationFlag()
    return try await withTaskCancellationHandler {
        try await onThread {
            try flag.check()
            return try body(flag)
        }
    } onCancel: {
        flag.cancel()
    }
}

/// Bytes that cannot be read any more once nobody waits for them.
package struct InterruptibleSource: ByteSource {
    private let source: any ByteSource
    private let cancellation: CancellationFlag

    package init(source: any ByteSource, cancellation: CancellationFlag) {
        self.source = source
        self.cancellation = cancellation
    }

    package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try cancellation.check()
        return try source.read(at: offset, into: buffer)
    }
}
