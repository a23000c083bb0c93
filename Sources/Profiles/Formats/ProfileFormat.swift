import Archive
import Content

/// A form in which profiles are written down.
package enum ProfileFormat: String, Sendable, CaseIterable {
    /// JSON objects with a path each, as `ctr-remote` records them and `nerdctl` reads them.
    case record
    /// A path or a pattern on each line.
    case list
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
    /// - Throws: `ProfileFailure`, which names the line, when it is malformed.
    package init(parsing bytes: [UInt8], as format: ProfileFormat? = nil) throws {
        guard !bytes.contains(0) else { throw ProfileFailure.binary }
        var reader = ProfileReader()
        switch format ?? ProfileFormat(detecting: bytes) {
        case .record: try reader.readRecord(bytes)
        case .list: try reader.readList(bytes)
        }
        self = reader.profile
    }
}

extension ProfileFormat {
    /// Tells the format by the first line that says something.
    fileprivate init(detecting bytes: [UInt8]) {
        let first = bytes.first { !" \t\r\n".utf8.contains($0) }
        self = first == UInt8(ascii: "{") ? .record : .list
    }
}

/// Collects the entries of a profile, whatever its format.
struct ProfileReader {
    private(set) var profile = Profile()
    private var patterns: Set<String> = []

    /// Appends a path as a process would name it.
    mutating func append(path: some Collection<UInt8>, origin: Profile.Origin? = nil) throws {
        guard path.count <= PathPattern.lengthLimit else {
            throw ProfileFailure.longPath(limit: PathPattern.lengthLimit)
        }
        guard !path.contains(0) else { throw ProfileFailure.zeroInPath }
        try append(Profile.Entry(.path(EntryPath(cleaning: path)), origin: origin))
    }

    /// Appends a pattern, checked for what would make it none.
    mutating func append(pattern text: String) throws {
        _ = try PathPattern(text)
        if patterns.insert(text).inserted, patterns.count > Profile.patternLimit {
            throw ProfileFailure.tooManyPatterns(limit: Profile.patternLimit)
        }
        try append(Profile.Entry(.pattern(text)))
    }

    private mutating func append(_ entry: Profile.Entry) throws {
        profile.append(entry)
        guard profile.entries.count <= Profile.entryLimit else {
            throw ProfileFailure.tooManyEntries(limit: Profile.entryLimit)
        }
    }

    /// Calls `body` with each line, without its end and the space around it; failures say which line.
    mutating func forEachLine(of bytes: [UInt8], _ body: (inout ProfileReader, ArraySlice<UInt8>) throws -> Void) throws
    {
        var rest = bytes[...]
        var number = 0
        while !rest.isEmpty {
            number += 1
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(line.count + 1)
            try context("line \(number)") { try body(&self, line.trimmed) }
        }
    }
}

extension ArraySlice<UInt8> {
    /// Without spaces, tabs and carriage returns at both ends.
    var trimmed: ArraySlice<UInt8> {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
        guard let start = firstIndex(where: { !isSpace($0) }), let end = lastIndex(where: { !isSpace($0) })
        else { return [] }
        return self[start...end]
    }
}
