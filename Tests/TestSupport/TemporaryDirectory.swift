import FoundationEssentials
import Glibc
import SystemPackage

/// Runs `body` with a directory of its own, which is gone afterwards with all that is in it.
@discardableResult
package func withTemporaryDirectory<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: (FilePath) async throws -> Result
) async throws -> Result {
    var template = Array("/tmp/esgz-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Nothing that a test could do about it.
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(FilePath(path))
}

/// The names of everything below a directory, hidden files included, sorted.
package func names(below directory: FilePath) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: directory.string).sorted()
}

/// Writes a file of a test, with the directories above it.
package func write(_ bytes: [UInt8], to path: FilePath) throws {
    try FileManager.default.createDirectory(
        atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
    let file = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter { _ = try file.writeAll(bytes) }
}

/// Removes a file or directory of a test.
package func remove(_ path: FilePath) throws {
    try FileManager.default.removeItem(atPath: path.string)
}
