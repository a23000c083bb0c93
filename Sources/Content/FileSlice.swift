import SystemPackage

/// An open file that closes itself when its last user is gone.
package final class OpenFile: Sendable {
    package let descriptor: FileDescriptor

    package init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    deinit {
        // Nothing was left unwritten that a failing close could report: writers call `write` to the end themselves.
        try? descriptor.close()
    }
}

/// An immutable range of an open file; the currency between the stages of a conversion.
package struct FileSlice: ByteSource {
    package let file: OpenFile
    package let range: Range<Int64>

    package init(_ file: OpenFile, _ range: Range<Int64>) {
        self.file = file
        self.range = range
    }

    /// Opens a whole file.
    ///
    /// - Throws: `FileFailure` that names the path.
    package init(opening path: FilePath) throws {
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            file = OpenFile(descriptor)
            range = 0..<(try descriptor.seek(offset: 0, from: .end))
        } catch let error as Errno {
            throw FileFailure.cannot("open", path, error)
        }
    }

    package var count: Int64 { Int64(range.count) }

    package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard offset >= 0, offset < count else { return 0 }
        let wanted = Int(min(Int64(buffer.count), count - offset))
        return try file.descriptor.read(
            fromAbsoluteOffset: range.lowerBound + offset,
            into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
    }

    /// All bytes, for blobs that are known to be small.
    package func bytes() throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            try readAll(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            filled = Int(count)
        }
    }
}

package enum FileFailure: Failure {
    case cannot(String, FilePath, Errno)
    case truncated(wanted: Int, found: Int)
    case diskFull(FilePath, Errno)

    package var kind: FailureKind {
        switch self {
        case .cannot(_, _, .noSuchFileOrDirectory): .notFound
        default: .io
        }
    }

    package var description: String {
        switch self {
        case .cannot(let verb, let path, let error): "cannot \(verb) \(path): \(error)"
        case .truncated(let wanted, let found): "expected \(wanted) bytes, found \(found)"
        case .diskFull(let directory, let error):
            "cannot write to a temporary file in \(directory): \(error); name a larger directory with --tmp-dir"
        }
    }
}
