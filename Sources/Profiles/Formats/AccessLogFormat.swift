import Content

extension ProfileReader {
    /// Reads a log of the stargz snapshotter, as JSON or as text, whatever stands between the lines that matter and in
    /// front of them (`fs/layer/node.go`, "logAccessOnce").
    mutating func readAccessLog(_ bytes: [UInt8]) throws {
        try forEachLine(of: bytes) { reader, line in
            guard let access = AccessLogLine(line) else { return }
            try reader.append(path: access.path, blob: access.layer)
        }
    }
}

/// A line that says that a file was opened for the first time, and in which layer.
struct AccessLogLine {
    private static let message = "file accessed: "

    let path: [UInt8]
    /// Digest of the layer's blob, if the line names it.
    let layer: Digest?

    static func occurs(in bytes: [UInt8]) -> Bool { bytes[...].firstIndex(of: message + "/") != nil }

    /// `nil` for a line that says something else.
    init?(_ line: ArraySlice<UInt8>) {
        guard line.firstIndex(of: Self.message) != nil else { return nil }
        let fields = Self.json(line) ?? Self.text(line)
        guard let message = fields["msg"], message.starts(with: Self.message.utf8) else { return nil }
        path = Array(message.dropFirst(Self.message.utf8.count))
        layer = fields["layer"].flatMap { try? Digest(parsing: String(decoding: $0, as: UTF8.self)) }
    }

    /// The texts of a JSON object, behind what a journal puts in front.
    private static func json(_ line: ArraySlice<UInt8>) -> [String: [UInt8]]? {
        guard let start = line.firstIndex(of: UInt8(ascii: "{")),
            // Lines of another form may have braces as well.
            let object = try? JSON(parsing: Array(line[start...])).object
        else { return nil }
        return object.members.reduce(into: [:]) { fields, member in
            fields[member.key] = member.value.string.map { Array($0.utf8) }
        }
    }

    /// The fields `name=value` and `name="value"` of a line of text.
    private static func text(_ line: ArraySlice<UInt8>) -> [String: [UInt8]] {
        var fields: [String: [UInt8]] = [:]
        var rest = line
        while let equals = rest.firstIndex(of: UInt8(ascii: "=")) {
            let name = rest[..<equals].split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).last ?? []
            rest = rest[(equals + 1)...]
            let value: [UInt8]
            if rest.first == UInt8(ascii: "\"") {
                guard let quoted = QuotedText(rest) else { break }
                value = quoted.bytes
                rest = rest[quoted.end...]
            } else {
                value = Array(rest.prefix { $0 != UInt8(ascii: " ") })
                rest = rest.dropFirst(value.count)
            }
            fields[String(decoding: name, as: UTF8.self)] = value
        }
        return fields
    }
}
