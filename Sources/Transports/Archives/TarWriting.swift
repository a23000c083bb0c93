import Archive
import Content

/// A member of an archive that is to be written.
struct ArchiveMember: Sendable {
    enum Content: Sendable {
        case directory
        case file(any ByteSource, size: Int64)
    }

    let name: String
    let content: Content

    static func directory(_ name: String) -> ArchiveMember { ArchiveMember(name: name, content: .directory) }

    static func file(_ name: String, _ bytes: any ByteSource, size: Int64) -> ArchiveMember {
        ArchiveMember(name: name, content: .file(bytes, size: size))
    }
}

extension [ArchiveMember] {
    /// Writes the members as a tar in which nothing depends on time or user.
    ///
    /// - Throws: what `write` throws; `FileFailure.truncated` when a source is shorter than it should be.
    func writeTar(to write: (UnsafeRawBufferPointer) throws -> Void) throws {
        func zeros(_ count: Int) throws {
            try [UInt8](repeating: 0, count: count).withUnsafeBytes { try write($0) }
        }
        for member in self {
            try member.header.withUnsafeBytes { try write($0) }
            guard case .file(let bytes, let size) = member.content else { continue }
            try bytes.forEachPiece(upTo: size, write)
            try zeros(Int(size.tarPadding))
        }
        try zeros(1024)
    }
}

extension ArchiveMember {
    fileprivate var header: [UInt8] {
        var entry: TarEntry
        switch content {
        case .directory:
            entry = TarEntry(name: name + "/", kind: .directory, header: .literal([]))
            entry.mode = 0o755
        case .file(_, let size):
            entry = TarEntry(name: name, kind: .regular(size: size), header: .literal([]))
            entry.mode = 0o644
        }
        return entry.encodedHeader()
    }
}
