import Archive
import Content

/// Collects the entries of a profile, whatever its format.
struct ProfileReader {
    private(set) var profile = Profile()
    private var patterns: Set<String> = []

    /// Appends a path as a process would name it.
    mutating func append(
        path: some Collection<UInt8>, origin: Profile.Origin? = nil, blob: Digest? = nil
    ) throws {
        guard path.count <= PathPattern.lengthLimit else {
            throw ProfileFailure.longPath(limit: PathPattern.lengthLimit)
        }
        guard !path.contains(0) else { throw ProfileFailure.zeroInPath }
        try append(Profile.Entry(.path(EntryPath(cleaning: path)), origin: origin, blob: blob))
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
    mutating func forEachLine(
        of bytes: [UInt8], _ body: (inout ProfileReader, ArraySlice<UInt8>) throws -> Void
    ) throws {
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

    /// Where a text begins; `nil` when it does not occur.
    func firstIndex(of text: String) -> Int? {
        let text = Array(text.utf8)
        guard let first = text.first else { return startIndex }
        var rest = self
        while let start = rest.firstIndex(of: first) {
            if self[start...].starts(with: text) { return start }
            rest = self[(start + 1)...]
        }
        return nil
    }
}
