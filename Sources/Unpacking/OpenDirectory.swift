import Archive
import CLinux
import Glibc
import SystemPackage

/// A directory in which things are made by name. Symbolic links are never followed, neither here nor on the way here.
///
/// Everything throws `Errno`.
final class OpenDirectory {
    private let descriptor: FileDescriptor

    /// Opens a directory of the machine, by a path that its user has chosen.
    init(_ path: FilePath) throws {
        let number = esgz_open_directory(path.string)
        guard number >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: number)
    }

    private init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        // Nothing is written through it.
        try? descriptor.close()
    }

    /// Opens a directory that is somewhere below; no path leads out of this one, whatever stands on the way.
    func directory(_ path: EntryPath) throws -> OpenDirectory {
        let number = try check(esgz_open_directory_in_root(descriptor.rawValue, path.asCString))
        return OpenDirectory(FileDescriptor(rawValue: number))
    }

    /// Makes a directory that only this user can enter; one that is there already stays.
    func makeDirectory(_ name: Name) throws {
        guard mkdirat(descriptor.rawValue, name.text, 0o700) != 0 else { return }
        guard errno == EEXIST else { throw Errno(rawValue: errno) }
        var status = stat()
        try check(fstatat(descriptor.rawValue, name.text, &status, AT_SYMLINK_NOFOLLOW))
        guard status.st_mode & S_IFMT != S_IFDIR else { return }
        try remove(name)
        try check(mkdirat(descriptor.rawValue, name.text, 0o700))
    }

    /// Removes what has a name; of directories only empty ones.
    func remove(_ name: Name) throws {
        guard unlinkat(descriptor.rawValue, name.text, 0) != 0, errno != ENOENT else { return }
        guard errno == EISDIR else { throw Errno(rawValue: errno) }
        try check(unlinkat(descriptor.rawValue, name.text, AT_REMOVEDIR))
    }

    /// Makes an empty file; fails where there is something.
    func makeFile(_ name: Name) throws -> FileDescriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        return FileDescriptor(
            rawValue: try check(esgz_open_in_root(descriptor.rawValue, name.text, flags, 0o600)))
    }

    func makeLink(_ name: Name, saying target: String) throws {
        try check(symlinkat(target, descriptor.rawValue, name.text))
    }

    /// Gives a file that is in another directory a name in this one.
    func makeHardLink(_ name: Name, to existing: Name, in directory: OpenDirectory) throws {
        try check(linkat(directory.descriptor.rawValue, existing.text, descriptor.rawValue, name.text, 0))
    }

    func makeFIFO(_ name: Name) throws {
        try check(mkfifoat(descriptor.rawValue, name.text, 0o600))
    }

    /// Makes a device; its kind is `S_IFCHR` or `S_IFBLK`, its numbers have twelve and twenty bits.
    func makeDevice(_ name: Name, _ kind: mode_t, major: UInt32, minor: UInt32) throws {
        try check(esgz_make_device(descriptor.rawValue, name.text, kind | 0o600, major, minor))
    }

    func setOwner(of name: Name, user: uid_t, group: gid_t) throws {
        try check(fchownat(descriptor.rawValue, name.text, user, group, AT_SYMLINK_NOFOLLOW))
    }

    /// For everything but symbolic links, which have no mode.
    func setMode(of name: Name, _ mode: mode_t) throws {
        try check(fchmodat(descriptor.rawValue, name.text, mode, AT_SYMLINK_NOFOLLOW))
    }

    func setAttribute(of name: Name, _ attribute: String, to value: [UInt8]) throws {
        // No call of all kernels that can be met sets one relative to a directory; this path leads nowhere else.
        let path = "/proc/self/fd/\(descriptor.rawValue)/".utf8CString.dropLast() + name.text
        try check(lsetxattr(Array(path), attribute, value, value.count, 0))
    }

    func setTimes(of name: Name, seconds: Int, nanoseconds: Int) throws {
        let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        try check(utimensat(descriptor.rawValue, name.text, [time, time], AT_SYMLINK_NOFOLLOW))
    }

    @discardableResult
    private func check(_ result: Int32) throws -> Int32 {
        guard result >= 0 else { throw Errno(rawValue: errno) }
        return result
    }

    /// The last part of a path, or the directory itself.
    struct Name {
        fileprivate let text: [CChar]

        init(_ path: EntryPath) {
            text = EntryPath(cleaning: path.name).asCString
        }
    }
}

extension EntryPath {
    fileprivate var asCString: [CChar] { isRoot ? Array(".".utf8CString) : bytes.map { CChar(bitPattern: $0) } + [0] }
}
