import Glibc
import SystemPackage

/// Removes a directory with all that is in it, never following a link.
///
/// A workload may have made directories deeper than any path or stack: what lies in a directory of the first level is
/// moved up there before it is removed, so that nothing ever lies deeper.
///
/// - Throws: `Errno`.
func removeTree(_ path: FilePath) throws {
    let top = try FileDescriptor.open(path, .readOnly, options: [.directory, .noFollow, .closeOnExec])
    try top.closeAfter {
        var moved = 0
        while case let names = try namesInDirectory(top), !names.isEmpty {
            for name in names {
                guard try !removeFile(name, in: top) else { continue }
                let number = openat(top.rawValue, cString(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard number >= 0 else { throw Errno(rawValue: errno) }
                let directory = FileDescriptor(rawValue: number)
                try directory.closeAfter {
                    for child in try namesInDirectory(directory) where try !removeFile(child, in: directory) {
                        try move(child, of: directory, to: top, &moved)
                    }
                }
                guard unlinkat(top.rawValue, cString(name), AT_REMOVEDIR) == 0 else { throw Errno(rawValue: errno) }
            }
        }
    }
    guard rmdir(path.string) == 0 else { throw Errno(rawValue: errno) }
}

/// Moves a directory up under the next number that is free: a removal that was killed has left some behind.
private func move(
    _ name: [UInt8], of directory: FileDescriptor, to top: FileDescriptor, _ moved: inout Int
) throws {
    while true {
        let target = Array(".moved-\(moved)".utf8)
        moved += 1
        if renameat(directory.rawValue, cString(name), top.rawValue, cString(target)) == 0 { return }
        guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else { throw Errno(rawValue: errno) }
    }
}

/// - Returns: `false` for a directory.
private func removeFile(_ name: [UInt8], in directory: FileDescriptor) throws -> Bool {
    if unlinkat(directory.rawValue, cString(name), 0) == 0 { return true }
    guard errno == EISDIR else { throw Errno(rawValue: errno) }
    return false
}

/// The names in a directory without `.` and `..`, from its beginning; the descriptor stays open.
func namesInDirectory(_ descriptor: FileDescriptor) throws -> [[UInt8]] {
    let copy = try descriptor.duplicate()
    guard let stream = fdopendir(copy.rawValue) else {
        let error = Errno(rawValue: errno)
        try copy.close()
        throw error
    }
    defer { closedir(stream) }
    rewinddir(stream)
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
        // In place: the record ends with the name, which is mostly shorter than the field.
        guard let field = entry.pointer(to: \.d_name) else { continue }
        let text = UnsafeRawPointer(field)
        let name = Array(UnsafeRawBufferPointer(start: text, count: strlen(text.assumingMemoryBound(to: CChar.self))))
        if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
    }
    return names
}

private func cString(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
