import Content
import EStargz
import Synchronization

/// How many entries the layers of an image may have together: each of them may have as many as anybody would read.
final class EntryBudget: Sendable {
    static let limit = 2 * TableOfContents.entryLimit

    private let taken = Mutex(0)

    func take(_ count: Int) throws {
        let sum = taken.withLock { taken in
            taken += count
            return taken
        }
        guard sum <= Self.limit else { throw EntryBudgetFailure() }
    }
}

/// The image has too many entries to be looked into.
struct EntryBudgetFailure: Failure {
    var kind: FailureKind { .unsupported }
    var description: String {
        "expected an image with at most \(EntryBudget.limit) entries in all of its layers; look at one with --layer"
    }
}
