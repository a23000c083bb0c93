import Content
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15)))
struct ConcurrencyTests {
    @Test(arguments: [1, 2, 5]) func aGateLetsOnlySoManyThrough(permits: Int) async throws {
        let gate = Gate(permits)
        let inside = Monitor((now: 0, most: 0))
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    try await gate.withPermit {
                        inside.withLock { ($0.now, $0.most) = ($0.now + 1, max($0.most, $0.now + 1)) }
                        await Task.yield()
                        inside.withLock { $0.now -= 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        let most = inside.withLock(\.most)
        #expect(most >= 1 && most <= permits)
    }

    @Test func aPermitComesBackAfterAFailure() async throws {
        let gate = Gate(1)
        for _ in 0..<3 {
            await #expect(throws: DigestFailure.self) {
                try await gate.withPermit { throw DigestFailure.malformed("x") }
            }
        }
        #expect(try await gate.withPermit { 7 } == 7)
    }

    @Test func whoIsCancelledWhileWaitingLeavesTheQueue() async throws {
        let gate = Gate(1)
        let (entered, leave) = (AsyncStream<Void>.makeStream(), AsyncStream<Void>.makeStream())
        async let holder: Void = gate.withPermit {
            entered.continuation.finish()
            for await _ in leave.stream {}
        }
        for await _ in entered.stream {}
        let waiting = Task { try await gate.withPermit { 1 } }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
        leave.continuation.finish()
        try await holder
        #expect(try await gate.withPermit { 2 } == 2)
    }

    @Test func aMonitorWakesWhoWaits() async throws {
        let monitor = Monitor(0)
        async let waited = onThread { monitor.wait { $0 >= 100 ? $0 : nil } }
        for _ in 0..<100 { monitor.withLock { $0 += 1 } }
        #expect(try await waited == 100)
    }

    @Test func aThreadHandsOverWhatItThrows() async {
        await #expect(throws: DigestFailure.self) {
            try await onThread { throw DigestFailure.malformed("x") }
        }
    }

    @Test func contextNamesThePlaceAndKeepsTheKind() async throws {
        let error = try #require(throws: ContextualFailure.self) {
            try context("outer") { try context("inner") { throw DigestFailure.malformed("x") } }
        }
        #expect(error.kind == .invalid)
        #expect(error.description.hasPrefix("outer: inner: expected a digest"))
        #expect(error.cause is DigestFailure)
        #expect(throws: CancellationError.self) { try context("outer") { throw CancellationError() } }
    }
}
