import Content

/// A form in which profiles are written down.
package enum ProfileFormat: String, Sendable, CaseIterable {
    /// JSON objects with a path each, as `ctr-remote` records them and `nerdctl` reads them.
    case record
    /// A path or a pattern on each line.
    case list
    /// A JSON array of paths, as `soci create --prefetch-files-json` takes it.
    case soci
    /// A JSON object with an array of files, as `nydus-image optimize --prefetch-files` takes it.
    case nydus
    /// What `strace -f -e trace=file` prints.
    case strace
    /// What the stargz snapshotter logs with `log_file_access`.
    case log
}

extension Profile {
    /// Bytes that a profile may have; the traces of long runs are large.
    package static let sizeLimit: Int64 = 256 << 20
    /// Entries that a profile may have.
    static let entryLimit = 1_000_000
    /// Patterns that a profile may have; each is compared with the whole image.
    static let patternLimit = 1000

    /// Reads a profile.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - format: how it is written; told by its content when `nil`.
    /// - Throws: a failure that names the line, when it is malformed.
    package init(parsing bytes: [UInt8], as format: ProfileFormat? = nil) throws {
        guard !bytes.contains(0) else { throw ProfileFailure.binary }
        var reader = ProfileReader()
        switch format ?? ProfileFormat(detecting: bytes) {
        case .record: try reader.readRecord(bytes)
        case .list: try reader.readList(bytes)
        case .soci: try reader.readSOCI(bytes)
        case .nydus: try reader.readNydus(bytes)
        case .strace: try reader.readStrace(bytes)
        case .log: try reader.readAccessLog(bytes)
        }
        self = reader.profile
    }
}

extension ProfileFormat {
    /// Tells a format by what only files of that format hold; a list is what nothing else is.
    package init(detecting bytes: [UInt8]) {
        let lines = bytes.prefix(64 << 10).split(separator: UInt8(ascii: "\n")).map(\.trimmed).filter { !$0.isEmpty }
        let first = lines.first ?? []
        let firstMember =
            first.dropFirst().trimmed.first ?? bytes[first.endIndex...].first { !" \t\r\n".utf8.contains($0) }
        if AccessLogLine.occurs(in: bytes) {
            self = .log
        } else if lines.contains(where: { StraceLine.looksLikeOne($0) }) {
            self = .strace
        } else if first.first == UInt8(ascii: "{") {
            self = Self.hasFiles(bytes) ? .nydus : .record
        } else if first.first == UInt8(ascii: "["), let firstMember, "\"]".utf8.contains(firstMember) {
            self = .soci
        } else {
            self = .list
        }
    }

    /// Whether what has paths lies within an array of files.
    private static func hasFiles(_ bytes: [UInt8]) -> Bool {
        bytes[...].firstIndex(of: "\"files\"") ?? .max < bytes[...].firstIndex(of: "\"path\"") ?? .max
    }
}
