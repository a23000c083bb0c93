import Content
import Glibc
import SystemPackage

/// The control groups of the machine, in which runtimes make one for each container.
enum ControlGroups {
    /// How long the kernel may take to see that nobody is left in a group.
    private static let attempts = 50

    /// Removes a group that nobody is in; one that is not there is removed already.
    static func remove(_ name: String) {
        for directory in hierarchies {
            let group = directory.appending(name)
            for _ in 0..<attempts where rmdir(group.string) != 0 {
                guard errno == EBUSY else { break }
                usleep(10_000)
            }
        }
    }

    /// Where they are mounted (proc(5), "/proc/pid/mountinfo").
    private static var hierarchies: [FilePath] {
        guard let text = try? readFileOfProc("/proc/self/mountinfo") else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let sides = line.split(separator: " - ", maxSplits: 1)
            let fields = sides[0].split(separator: " ")
            guard sides.count == 2, sides[1].hasPrefix("cgroup"), fields.count > 4 else { return nil }
            return FilePath(String(fields[4]))
        }
    }
}

/// The text of a file that has no size of its own.
func readFileOfProc(_ path: FilePath) throws -> String {
    let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
    return try file.closeAfter {
        var bytes: [UInt8] = []
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
        defer { block.deallocate() }
        while case let count = try file.read(into: block), count > 0 { bytes += block[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
