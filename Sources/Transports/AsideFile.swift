import Content
import Glibc
import SystemPackage

/// A file that is written aside and then renamed, so that readers see all of it or nothing.
///
/// Its writer holds a lock on it as long as it has its own name. One that nobody has locked was left behind by a process
/// that was killed; a process number would not tell, since that process may have lived in another container.
enum AsideFile {
    private static let prefix = ".esgz-"

    /// Writes the file at `path`, in place of the one that may be there; failures leave nothing.
    ///
    /// - Throws: `FileFailure` that names `path`, or what `body` throws.
    static func write(_ path: FilePath, _ body: (FileDescriptor) throws -> Void) throws {
        do {
            let (temporary, file) = try make(in: path.removingLastComponent())
            // Closing tells of write errors that network file systems kept for later; the lock outlives it.
            let lock = fcntl(file.rawValue, F_DUPFD_CLOEXEC, 0)
            defer { if lock >= 0 { close(lock) } }
            do {
                try file.closeAfter { try body(file) }
                guard rename(temporary.string, path.string) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                unlink(temporary.string)
                throw error
            }
        } catch let error as Errno {
            throw FileFailure.cannot("write", path, error)
        }
    }

    private static func make(in directory: FilePath) throws -> (path: FilePath, file: FileDescriptor) {
        while true {
            let name = "\(prefix)\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
            let path = directory.appending(name)
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
            // Where a file system knows no locks, nobody else can take it for a leftover either.
            _ = flock(file.rawValue, LOCK_EX)
            if try file.stat().linkCount > 0 { return (path, file) }
            // Somebody who was clearing up came between the two calls.
            try file.close()
        }
    }

    /// Removes what killed processes have left in a directory. What cannot be removed stays: it harms nobody.
    static func removeLeftovers(in directory: FilePath) {
        guard let stream = opendir(directory.string) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasPrefix(prefix) else { continue }
            let path = directory.appending(name).string
            let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard file >= 0 else { continue }
            if flock(file, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(file)
        }
    }
}
