import Archive
import Content
import SystemPackage

/// A file is not the archive that it was said to be.
package enum ArchiveFailure: Failure {
    case directory(FilePath, isLayout: Bool)
    case terminal(FilePath)
    case notTar(FilePath, what: String)
    /// An archive of the other kind.
    case other(FilePath, found: String, use: String)
    case noImage(FilePath, example: String?, missing: String)
    case layoutBelow(FilePath, directory: String)
    case missingMember(FilePath, String)

    package var kind: FailureKind {
        switch self {
        case .terminal, .other, .directory: .usage
        case .notTar, .noImage, .layoutBelow, .missingMember: .invalid
        }
    }

    package var description: String {
        switch self {
        case .directory(let path, isLayout: true): "\(path) is a directory with an OCI layout; use oci:\(path)"
        case .directory(let path, isLayout: false): "\(path) is a directory, not an archive"
        case .terminal(let path): "refusing to use \(path) for an archive: it is a terminal"
        case .notTar(let path, let what): "expected \(path) to be a tar archive of an image, but it is \(what)"
        case .other(let path, let found, let use): "\(path) is \(found); use \(use)"
        case .noImage(let path, let example, let missing):
            "\(path) is a tar archive, but not of an image: expected '\(missing)' in it, "
                + (example.map { "found files such as '\($0.prefix(100).printable)'" } ?? "found no file at all")
        case .layoutBelow(let path, let directory):
            "\(path) holds an OCI layout in the directory '\(directory.prefix(100).printable)'; unpack it and use oci:DIR"
        case .missingMember(let path, let name): "\(path): the member '\(name.prefix(200).printable)' is missing"
        }
    }
}

extension ArchiveFailure {
    /// - Throws: when `head`, the first 512 bytes of a file, are not those of a tar.
    static func check(_ head: [UInt8], of path: FilePath) throws {
        guard TarIndex.isHeader(head) else { throw notTar(path, what: kind(of: head)) }
    }

    /// What the first bytes of a file that is no tar say it is.
    static func kind(of head: [UInt8]) -> String {
        if head.isEmpty { return "empty" }
        let known = signatures.first { signature in
            head.count >= signature.offset + signature.bytes.count
                && head[signature.offset...].starts(with: signature.bytes)
        }
        if let known { return known.what }
        if head.allSatisfy({ $0 == 0 }) { return "empty: its first block is zeros" }
        let first = head.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
        switch first {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return "JSON"
        default: return "neither a tar nor compressed with gzip or zstd"
        }
    }

    private static let signatures: [(offset: Int, bytes: [UInt8], what: String)] = [
        (0, Array("PK\u{3}\u{4}".utf8), "a zip archive"), (0, Array("PK\u{5}\u{6}".utf8), "a zip archive"),
        (0, [0x7f] + Array("ELF".utf8), "an ELF program"),
        (0, [0xfd] + Array("7zXZ".utf8), "compressed with xz; decompress it first"),
        (0, Array("BZh".utf8), "compressed with bzip2; decompress it first"),
        (0, Array("7z\u{bc}".unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }), "a 7-Zip archive"),
        (0, Array("!<arch>\n".utf8), "an ar archive or a Debian package"),
        (0, Array("hsqs".utf8), "a squashfs file system"), (32, Array("SIF_MAGIC".utf8), "a Singularity image"),
        (0, Array("#!".utf8), "a script"), (0, Array("<".utf8), "a document in HTML or XML"),
    ]
}
