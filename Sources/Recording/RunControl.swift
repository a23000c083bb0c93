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
    private let running = Atomic<Bool>(false)
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

    /// Ends a workload that runs, and keeps what was recorded; `false` when none does.
    package func finish() -> Bool {
        guard isRunning else { return false }
        raise(.finish)
        return true
    }

    /// Kills the workload; nobody wants the record any more.
    package func abandon() { raise(.abandon) }

    var isRunning: Bool {
        get { running.load(ordering: .acquiring) }
        set { running.store(newValue, ordering: .releasing) }
    }

    var current: Wish { Wish(rawValue: wish.load(ordering: .acquiring)) ?? .none }

    private func raise(_ new: Wish) {
        // The larger one counts; whoever comes second need not wake anybody up.
        guard wish.max(new.rawValue, ordering: .acquiringAndReleasing).oldValue < new.rawValue else { return }
        _ = try? writeEnd.writeAll([0])
    }
}
