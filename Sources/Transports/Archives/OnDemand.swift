import Content
import Synchronization

/// A value that is made once, when it is first asked for; after a failure the next who asks tries again.
package final class OnDemand<Value: Sendable>: Sendable {
    private let gate = Gate(1)
    private let known = Mutex<Value?>(nil)
    private let make: @Sendable () async throws -> Value

    package init(_ make: @escaping @Sendable () async throws -> Value) {
        self.make = make
    }

    package var value: Value {
        get async throws {
            if let value = known.withLock({ $0 }) { return value }
            return try await gate.withPermit {
                if let value = self.known.withLock({ $0 }) { return value }
                let value = try await self.make()
                self.known.withLock { $0 = value }
                return value
            }
        }
    }
}
