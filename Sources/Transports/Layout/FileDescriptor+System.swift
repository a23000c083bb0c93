import Content
import Glibc
import SystemPackage

extension FileDescriptor {
    /// - Returns: `nil` when this is no regular file.
    func sizeOfRegularFile() throws -> Int64? {
        let status = try stat()
        return status.type == .regular ? status.size : nil
    }

    /// Takes the lock of this open file, and waits for whoever has it; closing gives it back.
    func lockExclusively(_ cancellation: CancellationFlag) throws {
        while flock(rawValue, LOCK_EX | LOCK_NB) != 0 {
            guard [EINTR, EWOULDBLOCK].contains(errno) else { throw Errno(rawValue: errno) }
            try cancellation.check()
            usleep(10_000)
        }
    }

    /// Waits until reading or writing would not block, or nobody waits for it any more.
    ///
    /// - Parameters:
    ///   - event: `POLLIN` or `POLLOUT`.
    ///   - cancellation: looked at several times a second.
    /// - Throws: `CancellationError`.
    func wait(for event: Int32, _ cancellation: CancellationFlag) throws {
        var request = pollfd(fd: rawValue, events: Int16(event), revents: 0)
        // Errors and hang-ups count as ready: the read or write that follows tells what they are.
        while poll(&request, 1, 200) <= 0 { try cancellation.check() }
    }

    /// Appends the first `count` bytes of a source.
    ///
    /// - Parameters:
    ///   - count: must all be there.
    ///   - source: where to copy from.
    ///   - advance: called with the length of each piece; what it throws ends the copying.
    /// - Throws: also when the source ends early.
    func append(_ count: Int64, of source: any ByteSource, advance: (Int) throws -> Void) throws {
        try source.forEachPiece(upTo: count) { piece in
            try writeAll(piece)
            try advance(piece.count)
        }
    }
}
