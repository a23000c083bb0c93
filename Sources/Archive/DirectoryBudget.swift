/// Bounds the directories that are remembered because something lies in them.
///
/// A path names all directories above it, and a short tar can hold many long paths, so that their directories would
/// fill any memory. Images have megabytes of them at most.
package struct DirectoryBudget: Sendable {
    /// Bytes of all their paths together.
    package static let limit = 64 << 20
    private var taken = 0

    package init() {}

    /// Takes note of a directory that was not known before.
    ///
    /// - Returns: whether there is room for it.
    package mutating func take(_ directory: EntryPath) -> Bool {
        taken += directory.bytes.count
        return taken <= Self.limit
    }
}
