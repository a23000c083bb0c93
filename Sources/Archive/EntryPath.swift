/// The name of a tar entry as a place in the file system: no prefix, no `.` or `..`, no doubled or final slash.
///
/// Compared by bytes: names that look alike in Unicode are different files. The root is the empty path.
package struct EntryPath: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// Cleans a name the way every eStargz reader does, so that `./a`, `/a`, `../a` and `b/../a/` are all `a`.
    package init(cleaning name: some Collection<UInt8>) {
        let slash = UInt8(ascii: "/")
        var parts: [[UInt8]] = []
        for part in name.split(separator: slash) {
            switch part.count {
            case 1 where part.first == UInt8(ascii: "."): continue
            case 2 where part.allSatisfy({ $0 == UInt8(ascii: ".") }): _ = parts.popLast()
            default: parts.append(Array(part))
            }
        }
        bytes = Array(parts.joined(separator: [slash]))
    }

    package init(_ name: String) {
        self.init(cleaning: Array(name.utf8))
    }

    package var description: String { bytes.isEmpty ? "/" : String(decoding: bytes, as: UTF8.self) }

    /// No system call of Linux takes a longer path (`PATH_MAX`).
    package static let lengthLimit = 4096

    package static let root = EntryPath(cleaned: [])

    package var isRoot: Bool { bytes.isEmpty }

    /// The last part; empty for the root.
    package var name: ArraySlice<UInt8> {
        bytes[((bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 }) ?? 0)...]
    }

    /// The directory that this is in; the root is in itself.
    package var directory: EntryPath { parent ?? .root }

    /// Something in this directory, by a name without a slash that is neither `.` nor `..`.
    package func appending(_ name: some Collection<UInt8>) -> EntryPath {
        EntryPath(cleaned: isRoot ? Array(name) : bytes + [UInt8(ascii: "/")] + name)
    }

    /// The directory that this is in; `nil` in the root.
    package var parent: EntryPath? {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return EntryPath(cleaned: Array(bytes[..<slash]))
    }

    private init(cleaned bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether this is below `other`, not `other` itself.
    package func isBelow(_ other: EntryPath) -> Bool {
        if other.bytes.isEmpty { return !bytes.isEmpty }
        return bytes.count > other.bytes.count && bytes.starts(with: other.bytes)
            && bytes[other.bytes.count] == UInt8(ascii: "/")
    }
}

extension EntryPath: Comparable {
    package static func < (left: EntryPath, right: EntryPath) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}
