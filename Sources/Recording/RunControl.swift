import Content
import Glibc
import Synchronization
import SystemPackage

/// How somebody else ends a workload that runs.
package final class RunControl: Sendable {
    enum Wish: Int {
        case none, finish, abandon
    }

    private let wish = Atomic<Int>(Wish.none.rawValue)
    /// Becomes readable with the first wish.
    let readEnd: FileDescriptor
    private let writeEnd: FileDescriptor

    /// - Throws: when the system has no descriptors left.
    package init() throws {
        let ends = try FileDescriptor.pipe()
        (readEnd, writeEnd) = (ends.readEnd, ends.writeEnd)
        for end in [readEnd, writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
    }

    deinit {
        // Nobody waits for what was written.
        try? readEnd.close()
        try? writeEnd.close()
    }

    /// Ends the workload in order, and keeps what was recorded.
    package func finish() { raise(.finish) }

    /// Kills the workload; nobody wants the record any more.
    package func abandon() { raise(.abandon) }

    var current: Wish { Wish(rawValue: wish.load(ordering: .acquiring)) ?? .none }

    private func raise(_ new: Wish) {
        // The larger one counts; whoever comes second need not wake anybody up.
        guard wish.max(new.rawValue, ordering: .acquiringAndReleasing).oldValue < new.rawValue else { return }
        _ = try? writeEnd.writeAll([0])
    }
}
