import Archive
import Content

extension ProfileReader {
    /// Reads a list: a path or a pattern on each line, empty lines, and comments that begin with `#`.
    mutating func readList(_ bytes: [UInt8]) throws {
        try forEachLine(of: bytes) { reader, line in
            guard let first = line.first, first != UInt8(ascii: "#") else { return }
            guard let text = String(validating: line, as: UTF8.self) else { throw ProfileFailure.notUTF8 }
            if PathPattern.isPattern(text) {
                try reader.append(pattern: text)
            } else {
                try reader.append(path: line)
            }
        }
    }
}

extension Profile {
    /// The profile as a list, with a line end behind each path or pattern.
    package var listText: [UInt8] {
        entries.flatMap { $0.item.listText + [UInt8(ascii: "\n")] }
    }
}

extension Profile.Item {
    /// A path begins with a slash, so that none looks like a comment; one that would be read as something else is
    /// written as a pattern that it alone matches.
    fileprivate var listText: [UInt8] {
        switch self {
        case .pattern(let text): return Array(text.utf8)
        case .path(let path):
            let slash = [UInt8(ascii: "/")]
            let isPlain = path.bytes.last != 0x20 && !path.bytes.contains { Self.special.contains($0) }
            return slash + (isPlain ? path.bytes : path.bytes.flatMap(Self.escaped))
        }
    }

    private static let special = Set("*?[\t\r\n".utf8)

    private static func escaped(_ byte: UInt8) -> [UInt8] {
        switch byte {
        case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "\\"): [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): [UInt8(ascii: "["), byte, UInt8(ascii: "]")]
        // No line can hold one.
        case UInt8(ascii: "\n"): [UInt8(ascii: "?")]
        default: [byte]
        }
    }
}
