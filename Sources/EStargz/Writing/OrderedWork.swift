import Content

/// Jobs that many threads work on and whose results one thread takes in the order of the jobs.
///
/// Bounds memory: whoever submits waits while too much is alive. One failure ends it for all.
final class OrderedWork<Job: Sendable, Output: Sendable>: Sendable {
    private struct State {
        var jobs: [(number: Int, job: Job)] = []
        var outputs: [Int: Output] = [:]
        /// What each job costs that has been submitted and whose result has not been taken.
        var costs: [Int64] = []
        var alive: Int64 = 0
        var submitted = 0
        var consumed = 0
        var isComplete = false
        var failure: (any Error)?

        func check() throws {
            if let failure { throw failure }
        }
    }

    private let budget: Int64
    private let state = Monitor(State())

    /// Jobs are alive from being submitted until their result was taken; together they cost at most `budget`.
    init(budget: Int64) {
        self.budget = budget
    }

    /// Adds a job; waits while others cost too much. A single job may cost more than there is.
    func submit(_ job: Job, cost: Int64) throws {
        try state.wait { state -> Void? in
            try state.check()
            guard state.alive == 0 || state.alive + cost <= budget else { return nil }
            state.jobs.append((state.submitted, job))
            state.submitted += 1
            state.costs.append(cost)
            state.alive += cost
            return ()
        }
    }

    /// Says that there are no more jobs.
    func complete() {
        state.withLock { $0.isComplete = true }
    }

    /// Ends the work; the first error counts, and everyone who waits throws it.
    func fail(_ error: any Error) {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
            // Jobs hold memory that somebody may be waiting for.
            state.jobs.removeAll()
            state.outputs.removeAll()
        }
    }

    /// The first error.
    var failure: (any Error)? { state.withLock(\.failure) }

    /// Works on jobs until there are no more.
    func work(_ body: (Job) throws -> Output) throws {
        while true {
            let next = try state.wait { state -> (number: Int, job: Job)?? in
                try state.check()
                if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
                return state.isComplete ? .some(nil) : nil
            }
            guard let next else { return }
            let output = try body(next.job)
            state.withLock { state in
                if state.failure == nil { state.outputs[next.number] = output }
            }
        }
    }

    /// Hands over the results in the order of the jobs until there are no more.
    func consume(_ body: (Output) throws -> Void) throws {
        while true {
            let next = try state.wait { state -> Output?? in
                try state.check()
                if let output = state.outputs.removeValue(forKey: state.consumed) { return .some(output) }
                return state.isComplete && state.consumed == state.submitted ? .some(nil) : nil
            }
            guard let next else { return }
            try body(next)
            state.withLock { state in
                state.consumed += 1
                state.alive -= state.costs.removeFirst()
            }
        }
    }
}
