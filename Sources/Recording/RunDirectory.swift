import Content
import Glibc
import SystemPackage

/// The directory of one run: the unpacked image, what the workload writes, and what the runtime notes.
///
/// It is locked while its program lives, so that the next run finds what a killed one has left behind.
final class RunDirectory: Sendable {
    private static let prefix = "esgz-run-"
    /// The name while it is not locked yet.
    private static let unlockedPrefix = "esgz-new-"
    /// After so many seconds no living program still means to lock its directory.
    private static let lockingTime = 3600

    let path: FilePath
    private let lock: OpenFile

    /// Its name is also that of the control group.
    var name: String { path.lastComponent?.string ?? Self.prefix }
    var imageDirectory: FilePath { path.appending("image") }
    var rootDirectory: FilePath { path.appending("root") }
    var stateDirectory: FilePath { path.appending("state") }
    var log: FilePath { path.appending("log") }

    /// Makes a directory, and removes those of runs that were killed.
    init(in parent: FilePath) throws {
        // Relative names would mean something else to the runtime.
        let parent = parent.resolved
        Self.removeAbandoned(in: parent)
        var template = Array(parent.appending(Self.unlockedPrefix + "XXXXXX").string.utf8CString)
        guard mkdtemp(&template) != nil else {
            throw FileFailure.cannot("make a directory in", parent, Errno(rawValue: errno))
        }
        let made = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        path = parent.appending(Self.prefix + made.string.suffix(6))
        do {
            lock = OpenFile(try FileDescriptor.open(made, .readOnly, options: [.directory, .closeOnExec]))
            guard flock(lock.descriptor.rawValue, LOCK_EX | LOCK_NB) == 0, rename(made.string, path.string) == 0 else {
                throw Errno(rawValue: errno)
            }
            // What it holds is for root alone; the container has its root inside.
            for name in ["image", "root", "upper", "work", "memory", "state"] {
                guard mkdir(path.appending(name).string, 0o755) == 0 else { throw Errno(rawValue: errno) }
            }
        } catch let error as Errno {
            throw FileFailure.cannot("prepare the directory", path, error)
        }
    }

    /// Writes a file for the container or its runtime.
    @discardableResult
    func write(_ bytes: [UInt8], as name: String, permissions: mode_t) throws -> FilePath {
        let file = path.appending(name)
        do {
            let descriptor = try FileDescriptor.open(
                file, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: FilePermissions(rawValue: permissions))
            try descriptor.closeAfter {
                try descriptor.writeAll(bytes)
                // Whatever the mask of this process is: the workload may be anybody.
                guard fchmod(descriptor.rawValue, permissions) == 0 else { throw Errno(rawValue: errno) }
            }
        } catch let error as Errno {
            throw FileFailure.cannot("write", file, error)
        }
        return file
    }

    /// Removes the directory and the control group, which nothing uses any more.
    func remove() throws {
        ControlGroups.remove(name)
        do {
            try removeTree(path)
        } catch let error as Errno {
            throw FileFailure.cannot("remove", path, error)
        }
    }

    /// Removes what killed runs have left behind; what cannot be removed stays for another time.
    private static func removeAbandoned(in parent: FilePath) {
        guard let directory = try? FileDescriptor.open(parent, .readOnly, options: [.directory, .closeOnExec]),
            let names = try? namesInDirectory(directory)
        else { return }
        try? directory.close()
        for name in names {
            guard let name = String(validating: name, as: UTF8.self),
                [prefix, unlockedPrefix].contains(where: name.hasPrefix)
            else { continue }
            let path = parent.appending(name)
            guard
                let lock = try? FileDescriptor.open(
                    path, .readOnly, options: [.directory, .noFollow, .closeOnExec])
            else { continue }
            defer { try? lock.close() }
            var status = stat()
            guard fstat(lock.rawValue, &status) == 0, status.st_uid == geteuid(),
                name.hasPrefix(prefix) || status.st_mtim.tv_sec < time(nil) - lockingTime,
                flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0
            else { continue }
            ControlGroups.remove(name)
            try? removeTree(path)
        }
    }
}
