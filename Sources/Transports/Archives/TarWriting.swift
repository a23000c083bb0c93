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
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        func zeros(_ count: Int) throws {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            piece.initializeMemory(as: UInt8.self, repeating: 0)
            try write(UnsafeRawBufferPointer(piece))
        }
        for member in self {
            try member.header.withUnsafeBytes { try write($0) }
            guard case .file(let bytes, let size) = member.content else { continue }
            var position: Int64 = 0
            while position < size {
                let piece = UnsafeMutableRawBufferPointer(
                    rebasing: buffer[..<Int(Swift.min(Int64(buffer.count), size - position))])
                try bytes.readAll(at: position, into: piece)
                try write(UnsafeRawBufferPointer(piece))
                position += Int64(piece.count)
            }
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
