import Archive
import Content
import Glibc
import OCI
import SystemPackage

/// Opens an archive as an uncompressed tar file: in place where it is one, else inflated once into a temporary file.
struct ArchiveInput: Sendable {
    let place: ArchivePlace
    let temporaryDirectory: FilePath

    /// What the archive is called in messages.
    var path: FilePath {
        switch place {
        case .file(let path): path
        case .standardStream: "standard input"
        }
    }

    func open(_ cancellation: CancellationFlag) throws -> FileSlice {
        let file = try openFile()
        let status = try named("open") { try file.descriptor.stat() }
        guard status.type != .directory else {
            throw ArchiveFailure.directory(
                path, isLayout: access(path.appending(ImageLayout.versionName).string, F_OK) == 0)
        }
        guard status.type == .regular else { return try spool(from: file, cancellation) }
        // Standard input may be a file that others have read a part of.
        let start =
            place == .standardStream ? try named("read") { try file.descriptor.seek(offset: 0, from: .current) } : 0
        let slice = FileSlice(file, min(start, status.size)..<status.size)
        guard try slice.compression() != .none else { return slice }
        return try inflate(slice, cancellation)
    }

    private func openFile() throws -> OpenFile {
        try named("open") {
            switch place {
            // A named pipe is waited for when it is read, which an interruption ends.
            case .file(let path):
                OpenFile(try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking]))
            case .standardStream: OpenFile(try FileDescriptor.standardInput.duplicate())
            }
        }
    }

    private func inflate(_ slice: FileSlice, _ cancellation: CancellationFlag) throws -> FileSlice {
        var position: Int64 = 0
        return try spool(cancellation) { buffer in
            let count = try slice.read(at: position, into: buffer)
            position += Int64(count)
            return count
        }
    }

    /// A pipe: read to its end, however long that takes to come.
    private func spool(from file: OpenFile, _ cancellation: CancellationFlag) throws -> FileSlice {
        guard isatty(file.descriptor.rawValue) == 0 else { throw ArchiveFailure.terminal(path) }
        return try spool(cancellation) { buffer in
            try file.descriptor.wait(for: POLLIN, cancellation)
            return try named("read") { try file.descriptor.read(into: buffer) }
        }
    }

    private func spool(
        _ cancellation: CancellationFlag, reading read: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> FileSlice {
        let spool = try SpoolFile(in: temporaryDirectory)
        // Something else than an archive may have no end, so it is not read to that.
        var isChecked = false
        func check() throws {
            guard !isChecked, spool.count >= 512 else { return }
            isChecked = true
            try ArchiveFailure.check(try spool.slice.head(512), of: path)
        }
        try Archive.inflate(
            from: { buffer in
                try cancellation.check()
                return try read(buffer)
            },
            into: { bytes in
                try spool.append(bytes)
                try check()
            })
        return spool.slice
    }

    private func named<Result>(_ verb: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Errno {
            throw FileFailure.cannot(verb, path, error)
        }
    }
}

extension FileSlice {
    /// How the file is compressed, as far as its first bytes tell.
    func compression() throws -> Compression {
        try head(Compression.magicCount).withUnsafeBytes { Compression(sniffing: $0) }
    }

    /// The first bytes, fewer where the file is shorter.
    func head(_ limit: Int) throws -> [UInt8] {
        try FileSlice(file, range.lowerBound..<range.lowerBound + min(count, Int64(limit))).bytes()
    }
}
