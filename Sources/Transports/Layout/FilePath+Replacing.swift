import Content
import Glibc
import SystemPackage

/// How temporary files are called. Their writer holds a lock on them; one that nobody has locked was left behind by a
/// process that was killed. A process number would not tell, since that process may have lived in another container.
private let temporaryPrefix = ".esgz-"

extension FilePath {
    /// Writes a file aside and renames it, so that readers see all of it or nothing, and failures leave nothing.
    func replaceFile(_ body: (FileDescriptor) throws -> Void) throws {
        do {
            let (temporary, descriptor) = try removingLastComponent().makeTemporaryFile()
            // Closing tells of write errors that network file systems kept for later; the lock outlives it.
            let lock = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
            defer { if lock >= 0 { close(lock) } }
            do {
                try descriptor.closeAfter { try body(descriptor) }
                guard rename(temporary.string, string) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                unlink(temporary.string)
                throw error
            }
        } catch let error as Errno {
            throw FileFailure.cannot("write", self, error)
        }
    }

    private func makeTemporaryFile() throws -> (path: FilePath, file: FileDescriptor) {
        while true {
            let name = "\(temporaryPrefix)\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
            let file = try FileDescriptor.open(
                appending(name), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
            // Where a file system knows no locks, nobody else can take it for a leftover either.
            _ = flock(file.rawValue, LOCK_EX)
            if try file.stat().linkCount > 0 { return (appending(name), file) }
            // Somebody who was clearing up came between the two calls.
            try file.close()
        }
    }

    /// Removes what killed processes have left in this directory. What cannot be removed stays: it harms nobody.
    func removeLeftovers() {
        guard let stream = opendir(isEmpty ? "." : string) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.isTemporary else { continue }
            let path = appending(name).string
            let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard file >= 0 else { continue }
            if flock(file, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
            close(file)
        }
    }
}

extension String {
    /// Whether a file of this name was made by `makeTemporaryFile`: everything else in the directory is somebody else's.
    fileprivate var isTemporary: Bool {
        let parts = dropFirst(temporaryPrefix.count).split(separator: "-", omittingEmptySubsequences: false)
        return hasPrefix(temporaryPrefix) && parts.count == 2 && Int32(parts[0]) != nil
            && UInt64(parts[1], radix: 36) != nil
    }
}
