import Glibc
import SystemPackage

/// An unlinked temporary file that one thread writes while others read; it leaves nothing behind when the process dies.
package final class SpoolFile: ByteSource {
    private struct State {
        var count: Int64 = 0
        var end: Result<Void, any Error>?
    }

    package let file: OpenFile
    private let directory: FilePath
    private let state = Monitor(State())

    /// - Throws: `FileFailure` when no file can be made in `directory`.
    package init(in directory: FilePath) throws {
        self.directory = directory
        var template = Array(directory.appending("esgz-XXXXXX").string.utf8CString)
        let number = mkstemp(&template)
        guard number >= 0 else {
            throw FileFailure.cannot("make a temporary file in", directory, Errno(rawValue: errno))
        }
        // Without a name it needs no clean-up; failing to unlink it would only leave an empty file behind.
        unlink(template)
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        file = OpenFile(FileDescriptor(rawValue: number))
    }

    /// Appends `bytes` and wakes the readers that wait for them.
    ///
    /// - Throws: `FileFailure.diskFull` when the file cannot grow.
    package func append(_ bytes: UnsafeRawBufferPointer) throws {
        do {
            try file.descriptor.writeAll(bytes)
        } catch let error as Errno {
            throw FileFailure.diskFull(directory, error)
        }
        state.withLock { $0.count += Int64(bytes.count) }
    }

    /// Says that no more bytes will come.
    package func finish() {
        state.withLock { $0.end = .success(()) }
    }

    /// Says that no more bytes will come because of `error`; readers that need more than there is will throw it.
    package func fail(_ error: any Error) {
        state.withLock { $0.end = .failure(error) }
    }

    /// How many bytes have been written so far.
    package var count: Int64 { state.read { $0.count } }

    /// What has been written so far.
    package var slice: FileSlice { FileSlice(file, 0..<count) }

    package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let available = try state.wait { state -> Int64? in
            if state.count > offset { return state.count - offset }
            guard let end = state.end else { return nil }
            try end.get()
            return 0
        }
        let wanted = Int(min(Int64(buffer.count), available))
        guard wanted > 0 else { return 0 }
        return try file.descriptor.read(
            fromAbsoluteOffset: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
    }
}
