import Archive
import Content
import Glibc
import Profiles
import SystemPackage
import TestSupport
import Unpacking

extension ProbeImage {
    func unpack(into directory: FilePath) async throws {
        _ = try await Unpacker(image.tree, image.contents).unpack(into: directory)
    }
}

/// The regular files below a root that a trace shows to have been opened or executed, each once, in order, from the
/// execution of a program on: `chroot` comes before it.
func openedFiles(in trace: String, root: FilePath, after program: String) -> [String] {
    var paths: [String] = []
    var hasBegun = false
    for line in trace.split(separator: "\n") where line.contains(") = ") && !line.contains(" = -1 ") {
        let isExecution = line.contains("execve(")
        let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count > 2, isExecution || line.contains("open(") || line.contains("openat(AT_FDCWD") else {
            continue
        }
        let path = String(parts[1])
        if isExecution, path == program { hasBegun = true }
        guard hasBegun, let name = fileName(path, in: root), !paths.contains(name) else { continue }
        paths.append(name)
    }
    return paths
}

/// Where a path leads within a root; `nil` for what is no regular file.
private func fileName(_ path: String, in root: FilePath) -> String? {
    var current = root.appending(path).lexicallyNormalized()
    for _ in 0..<40 {
        var status = stat()
        guard lstat(current.string, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFLNK else {
            // Links to directories lead to others beside them.
            guard status.st_mode & S_IFMT == S_IFREG, let real = realpath(current.string, nil) else { return nil }
            defer { free(real) }
            return String(String(cString: real).dropFirst(root.string.count + 1))
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = readlink(current.string, &bytes, bytes.count)
        let target = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        current =
            target.hasPrefix("/")
            ? root.appending(target) : current.removingLastComponent().pushing(FilePath(target)).lexicallyNormalized()
    }
    return nil
}
