/// A line that strace prints of one call, its beginning and its end put together.
struct StraceLine {
    /// What the call was made by; 0 where strace followed one process alone.
    let process: Int
    let name: String
    /// Behind the opening parenthesis, up to the closing one.
    let arguments: ArraySlice<UInt8>
    /// What the call returned; `nil` when it failed, or did not return.
    let result: Int?
    /// The path that `-y` puts behind a result.
    let resultPath: [UInt8]?

    private static let unfinished = "<unfinished ...>"

    /// Whether a line is one of strace: of a call that names a file, finished or not.
    static func looksLikeOne(_ line: ArraySlice<UInt8>) -> Bool {
        guard let parenthesis = line.firstIndex(of: UInt8(ascii: "(")) else { return false }
        let name = String(decoding: line[..<parenthesis].split(separator: 0x20).last ?? [], as: UTF8.self)
        return ["execve", "open", "openat", "openat2", "access", "stat", "newfstatat", "readlink"].contains(name)
            && (line.firstIndex(of: ") = ") != nil || line.firstIndex(of: unfinished) != nil)
    }

    /// Reads a line; `nil` for one that is not about a call, or not about its end.
    ///
    /// - Parameters:
    ///   - line: as it stands there.
    ///   - waiting: the beginnings of calls whose end is yet to come, by process.
    init?(_ line: ArraySlice<UInt8>, waiting: inout [Int: ArraySlice<UInt8>]) {
        let (process, text) = Self.splitProcess(line)
        var call = text
        if let mark = text.firstIndex(of: "<... "), let end = text[mark...].firstIndex(of: " resumed>") {
            guard let beginning = waiting.removeValue(forKey: process) else { return nil }
            call = (Array(beginning) + text[(end + " resumed>".utf8.count)...])[...]
        }
        if let mark = call.firstIndex(of: Self.unfinished) {
            waiting[process] = call[..<mark].trimmed
            return nil
        }
        guard let opening = call.firstIndex(of: UInt8(ascii: "(")),
            let name = call[..<opening].split(separator: 0x20).last,
            let equals = Self.lastEquals(in: call), opening < equals,
            let closing = call[..<equals].lastIndex(of: UInt8(ascii: ")")), opening < closing
        else { return nil }
        self.process = process
        self.name = String(decoding: name, as: UTF8.self)
        arguments = call[(opening + 1)..<closing]
        let outcome = call[(equals + 1)...].trimmed
        result = Int(String(decoding: outcome.prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
        resultPath = Self.annotation(outcome.drop { (0x30...0x39).contains($0) })
    }

    /// The number of the process, which stands as `[pid 12]` or `12` in front, and the rest.
    private static func splitProcess(_ line: ArraySlice<UInt8>) -> (Int, ArraySlice<UInt8>) {
        let isMarked = line.starts(with: "[pid".utf8)
        let start = isMarked ? line.dropFirst(4).trimmed : line
        let digits = start.prefix { (0x30...0x39).contains($0) }
        let rest = start.dropFirst(digits.count)
        guard let number = Int(String(decoding: digits, as: UTF8.self)),
            rest.first == (isMarked ? UInt8(ascii: "]") : 0x20)
        else { return (0, line) }
        return (number, rest.dropFirst().trimmed)
    }

    /// The sign between a call and its outcome; strace pads in front of it.
    private static func lastEquals(in call: ArraySlice<UInt8>) -> Int? {
        var end = call.endIndex
        while let equals = call[..<end].lastIndex(of: UInt8(ascii: "=")) {
            let before = call[..<equals].trimmed.last
            if before == UInt8(ascii: ")"), call[(equals + 1)...].first == 0x20 { return equals }
            end = equals
        }
        return nil
    }

    /// The path in `<…>` at the beginning of a text.
    static func annotation(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.first == UInt8(ascii: "<"), let end = text.lastIndex(of: UInt8(ascii: ">")) else { return nil }
        let path = text[(text.startIndex + 1)..<end]
        return path.first == UInt8(ascii: "/") ? Array(path) : nil
    }
}
