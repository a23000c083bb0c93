import Archive
import Content
import Glibc
import SystemPackage
import TestSupport
import Unpacking

extension MergedTars {
    @discardableResult
    func unpack(_ path: String = "", into directory: FilePath) async throws -> Shortfall {
        try await Unpacker(tree, self).unpack(EntryPath(path), into: directory)
    }
}

/// What stands at a path of the machine, such as `file 4755 7:8 @1234`; `nothing` when nothing does.
func description(of path: FilePath) -> String {
    var status = stat()
    guard lstat(path.string, &status) == 0 else { return "nothing" }
    let kind =
        switch status.st_mode & S_IFMT {
        case S_IFREG: "file"
        case S_IFDIR: "directory"
        case S_IFLNK: "link"
        case S_IFCHR: "character device \(status.st_rdev >> 8):\(status.st_rdev & 0xff)"
        case S_IFBLK: "block device \(status.st_rdev >> 8):\(status.st_rdev & 0xff)"
        case S_IFIFO: "FIFO"
        default: "something"
        }
    let mode = String(status.st_mode & 0o7777, radix: 8)
    return "\(kind) \(mode) \(status.st_uid):\(status.st_gid) @\(status.st_mtim.tv_sec)"
}

func text(of path: FilePath) throws -> String {
    String(decoding: try FileSlice(opening: path).bytes(), as: UTF8.self)
}
