import CLinux
import Content
import Glibc
import SystemPackage

/// Tells which files of a file system are opened, and in which order, from the first execution on.
final class FileAccessWatch {
    private static let bufferSize = 16 << 10

    let descriptor: FileDescriptor
    /// The process that has executed a file first; nothing is told of what came before.
    private(set) var first: pid_t?
    private let directory: String
    private let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: bufferSize, alignment: MemoryLayout<fanotify_event_metadata>.alignment)

    /// Watches the whole file system that a directory is on: a watch on a mount would miss the copies of it that each
    /// container gets.
    ///
    /// The first execution waits until this watch knows of it. So it can begin to note what is opened there and then:
    /// an event may be merged with an earlier one of the same process, and the runtime, which becomes the workload, has
    /// opened files before.
    ///
    /// - Throws: `Errno`.
    init(fileSystemOf directory: String) throws {
        self.directory = directory
        // Without a limit of 16384 events; opened for us without waiting for the other end of a FIFO.
        let number = fanotify_init(
            UInt32(FAN_CLASS_CONTENT) | UInt32(FAN_CLOEXEC) | UInt32(FAN_NONBLOCK) | UInt32(FAN_UNLIMITED_QUEUE),
            UInt32(O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        guard number >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: number)
        try mark(FAN_MARK_ADD, FAN_OPEN_EXEC_PERM)
    }

    deinit {
        // Nothing is written to it.
        try? descriptor.close()
        buffer.deallocate()
    }

    private func mark(_ action: Int32, _ events: Int32) throws {
        let flags = UInt32(action) | UInt32(FAN_MARK_FILESYSTEM)
        guard fanotify_mark(descriptor.rawValue, flags, UInt64(events), AT_FDCWD, directory) == 0 else {
            throw Errno(rawValue: errno)
        }
    }

    /// The paths of what has been opened since the last call, as the processes see them.
    ///
    /// - Throws: `RecordingFailure.overflow`, or `Errno`.
    func read() throws -> [[UInt8]] {
        var paths: [[UInt8]] = []
        while true {
            do {
                let count = try descriptor.read(into: buffer)
                try parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]), into: &paths)
            } catch Errno.resourceTemporarilyUnavailable {
                return paths
            }
        }
    }

    private func parse(_ events: UnsafeRawBufferPointer, into paths: inout [[UInt8]]) throws {
        var position = 0
        let size = MemoryLayout<fanotify_event_metadata>.size
        var isComplete = true
        while events.count - position >= size {
            let event = events.loadUnaligned(fromByteOffset: position, as: fanotify_event_metadata.self)
            guard event.event_len >= size else { break }
            position += Int(event.event_len)
            if event.mask & UInt64(FAN_Q_OVERFLOW) != 0 { isComplete = false }
            guard event.fd >= 0 else { continue }
            let file = FileDescriptor(rawValue: event.fd)
            try file.closeAfter {
                if event.mask & UInt64(FAN_OPEN_EXEC_PERM) != 0 {
                    try admit(event)
                } else if let path = Self.path(of: file) {
                    // Files whose path is longer than any can be named are nowhere in an image either.
                    paths.append(path)
                }
            }
        }
        guard isComplete else { throw RecordingFailure.overflow }
    }

    /// Lets an execution go on; it will be told of as every other opening.
    private func admit(_ event: fanotify_event_metadata) throws {
        if first == nil {
            first = event.pid
            try mark(FAN_MARK_ADD, FAN_OPEN | FAN_OPEN_EXEC)
            try mark(FAN_MARK_REMOVE, FAN_OPEN_EXEC_PERM)
        }
        var answer = fanotify_response(fd: event.fd, response: UInt32(FAN_ALLOW))
        _ = try withUnsafeBytes(of: &answer) { try descriptor.write($0) }
    }

    private static func path(of file: FileDescriptor) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(file.rawValue)", &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}

/// A program that lives in namespaces of its own: with it ends all that it has started, and it with this thread.
struct IsolatedProcess {
    let id: pid_t
    /// Becomes readable at its end.
    let descriptor: FileDescriptor

    /// - Parameters:
    ///   - program: its path.
    ///   - arguments: without the program itself.
    ///   - streams: its standard input, output and error.
    ///   - keepsSession: whether the terminal of this program is its terminal as well.
    /// - Throws: `RecordingFailure.cannot`.
    init(
        _ program: FilePath, _ arguments: [String], streams: [FileDescriptor], keepsSession: Bool
    ) throws {
        var texts: [UnsafeMutablePointer<CChar>?] = ([program.string] + arguments).map { strdup($0) }
        defer { texts.forEach { free($0) } }
        texts.append(nil)
        var (id, step): (pid_t, Int32) = (0, 0)
        let number = esgz_spawn_isolated(
            program.string, texts, streams.map(\.rawValue), keepsSession ? 1 : 0, &id, &step)
        guard number >= 0 else {
            let verb =
                switch UInt32(step) {
                case esgz_step_clone.rawValue: "make a process with namespaces of its own"
                case esgz_step_proc.rawValue: "mount /proc for the runtime"
                case esgz_step_execute.rawValue: "run \(program)"
                default: "prepare the runtime"
                }
            throw RecordingFailure.cannot(verb, Errno(rawValue: errno))
        }
        self.id = id
        descriptor = FileDescriptor(rawValue: number)
    }

    /// Waits for the end.
    ///
    /// - Returns: as shells count: 128 and more for a signal.
    func wait() throws -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}

/// Gives this thread mounts of its own, and mounts an overlay at `root` over `image`, which stays as it is.
///
/// Only for threads that nobody else uses, and that end soon. All names are relative to `directory`, which becomes the
/// working directory of the thread: in the options of an overlay, commas and colons would have to be escaped.
///
/// - Throws: `RecordingFailure.cannot`.
func mountOverlay(in directory: FilePath) throws {
    guard esgz_leave_mounts() == 0 else {
        throw RecordingFailure.cannot("make mounts of our own", Errno(rawValue: errno))
    }
    guard chdir(directory.string) == 0 else {
        throw RecordingFailure.cannot("enter \(directory)", Errno(rawValue: errno))
    }
    if try mountOverlay(writingTo: ".") { return }
    // An overlay cannot write to another overlay, as in containers: then memory takes what the workload writes.
    guard mount("tmpfs", "memory", "tmpfs", 0, "mode=700") == 0, mkdir("memory/upper", 0o755) == 0,
        mkdir("memory/work", 0o755) == 0, try mountOverlay(writingTo: "memory")
    else { throw RecordingFailure.cannot("mount an overlay in \(directory)", Errno(rawValue: errno)) }
}

/// - Returns: `false` where no overlay can write to.
private func mountOverlay(writingTo directory: String) throws -> Bool {
    // The root of an overlay is that of its upper layer.
    let upper = directory + "/upper"
    var status = stat()
    guard stat("image", &status) == 0, chown(upper, status.st_uid, status.st_gid) == 0,
        chmod(upper, status.st_mode & 0o7777) == 0
    else { throw RecordingFailure.cannot("prepare \(upper)", Errno(rawValue: errno)) }
    // Devices of the image are none: whoever could open them, so could the watch, which no control group holds back.
    let options = "lowerdir=image,upperdir=\(upper),workdir=\(directory)/work"
    if mount("overlay", "root", "overlay", UInt(MS_NODEV), options) == 0 { return true }
    guard errno == EINVAL else { throw RecordingFailure.cannot("mount an overlay", Errno(rawValue: errno)) }
    return false
}
