import Content
import Glibc
import OCI
import SystemPackage

/// Where an archive is written to.
struct ArchiveOutput: Sendable {
    let place: ArchivePlace

    /// - Throws: when nothing can be written there, as far as that can be told without writing.
    func check() throws {
        switch place {
        case .standardStream:
            guard isatty(STDOUT_FILENO) == 0 else { throw ArchiveFailure.terminal("standard output") }
            guard fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE != O_RDONLY else {
                throw ArchiveOutputFailure(path: "standard output", error: .badFileDescriptor)
            }
        case .file(let path):
            if let type = path.fileType {
                guard type != .directory else { throw ArchiveFailure.directory(path, isLayout: false) }
                // What is no regular file is not replaced.
                guard type == .regular else { return }
            }
            let directory = path.resolved.removingLastComponent()
            guard access(directory.isEmpty ? "." : directory.string, W_OK | X_OK) == 0 else {
                throw ArchiveOutputFailure(path: path, error: Errno(rawValue: errno))
            }
        }
    }

    /// Whether there is an archive that will be replaced.
    var isOccupied: Bool {
        guard case .file(let path) = place else { return false }
        return path.fileType == .regular
    }

    /// Writes all members; readers of a file see the old archive or the whole new one.
    func write(_ members: [ArchiveMember], _ cancellation: CancellationFlag) throws {
        switch place {
        case .standardStream: try stream(members, to: .standardOutput, as: "standard output", cancellation)
        case .file(let path):
            if let type = path.fileType, type != .regular {
                // A pipe or a device keeps its name.
                let file = OpenFile(try open(path, type, cancellation))
                return try stream(members, to: file.descriptor, as: path, cancellation)
            }
            // A symbolic link stays one.
            let target = path.resolved
            // Before the new one: together they may need more room than there is.
            target.removingLastComponent().removeLeftovers()
            try target.replaceFile { file in
                try members.writeTar { piece in
                    try cancellation.check()
                    try file.writeAll(piece)
                }
            }
        }
    }

    /// Opens a pipe or a device; a named pipe as soon as somebody reads from it.
    private func open(
        _ path: FilePath, _ type: FileType, _ cancellation: CancellationFlag
    ) throws -> FileDescriptor {
        while true {
            do {
                return try FileDescriptor.open(path, .writeOnly, options: [.nonBlocking, .closeOnExec])
            } catch Errno.noSuchAddressOrDevice where type == .fifo {
                try cancellation.check()
                usleep(50_000)
            } catch let error as Errno {
                throw FileFailure.cannot("open", path, error)
            }
        }
    }

    /// Writes to what may make the writer wait, in pieces that a pipe takes without that.
    private func stream(
        _ members: [ArchiveMember], to file: FileDescriptor, as path: FilePath, _ cancellation: CancellationFlag
    ) throws {
        let pieceSize = try file.sizeOfRegularFile() == nil ? Int(PIPE_BUF) : 1 << 20
        try members.writeTar { bytes in
            var rest = bytes
            while !rest.isEmpty {
                try file.wait(for: POLLOUT, cancellation)
                try cancellation.check()
                let piece = UnsafeRawBufferPointer(rebasing: rest[..<min(pieceSize, rest.count)])
                let count = try named("write", path) { try file.write(piece) }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    private func named<Result>(_ verb: String, _ path: FilePath, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Errno {
            throw FileFailure.cannot(verb, path, error)
        }
    }
}

extension FilePath {
    /// `nil` when there is nothing, or nothing that can be looked at: writing will tell.
    fileprivate var fileType: FileType? { try? stat().type }
}

/// The archive cannot be made where it was wanted.
private struct ArchiveOutputFailure: Failure {
    let path: FilePath
    let error: Errno

    // Also when a directory is missing: that is not the source.
    var kind: FailureKind { .io }
    var description: String { "cannot write \(path): \(error)" }
}
