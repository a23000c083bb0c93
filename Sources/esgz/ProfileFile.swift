import Content
import Profiles
import SystemPackage
import Transports

/// Profiles as files, or as what comes from stdin.
enum ProfileFile {
    /// All bytes of a file; `-` is stdin.
    ///
    /// - Throws: when it cannot be read, or is too large for a profile.
    static func read(_ name: String) throws -> [UInt8] {
        guard name != "-" else {
            let bytes = try context("stdin") {
                try FileDescriptor.standardInput.awaitBytes(Task.checkCancellation) { $0.count > Profile.sizeLimit }
            }
            return try checked(bytes)
        }
        let path = FilePath(name)
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            let bytes = try file.closeAfter {
                try file.awaitBytes(Task.checkCancellation) { $0.count > Profile.sizeLimit }
            }
            return try checked(bytes)
        } catch let error as Errno {
            throw FileFailure.cannot("read", path, error)
        }
    }

    /// Writes a profile, replacing what is there.
    static func write(_ bytes: [UInt8], to path: FilePath) throws {
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try file.closeAfter { _ = try file.writeAll(bytes) }
        } catch let error as Errno {
            throw FileFailure.cannot("write", path, error)
        }
    }

    private static func checked(_ bytes: [UInt8]) throws -> [UInt8] {
        guard bytes.count <= Profile.sizeLimit else { throw ProfileFailure.tooLarge(limit: Profile.sizeLimit) }
        return bytes
    }
}

extension ProfileFile {
    /// Stdin cannot be an image and a profile as well.
    struct TakenTwice: Failure {
        var kind: FailureKind { .usage }
        var description: String { "the image comes from stdin, so the profile cannot; name a file" }
    }
}

extension ProfileFormat {
    /// Reads a profile, and says where it comes from if it is malformed.
    func profile(_ bytes: [UInt8], from name: String) throws -> Profile {
        try context(name == "-" ? "profile from stdin" : "profile \(name)") {
            try Profile(parsing: bytes, as: self)
        }
    }
}
