/// The logical lines of Python code: without comments, joined where brackets, backslashes or strings join them, and
/// one for each statement.
struct PythonLines {
    struct Line: Hashable {
        let indentation: Int
        let text: String
        /// Where the first colon outside brackets and strings stands, in bytes of the text.
        let colon: Int?
    }

    private(set) var lines: [Line] = []
    private let bytes: [UInt8]
    private var position = 0

    /// Of a line; imports are shorter, and of long strings nothing is needed.
    private static let lengthLimit = 16 << 10

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        while position < bytes.count { readLine() }
    }

    private mutating func readLine() {
        var indentation = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "): indentation += 1
            // Tabs reach to the next multiple of eight.
            case UInt8(ascii: "\t"): indentation = (indentation / 8 + 1) * 8
            case UInt8(ascii: "\u{c}"): indentation = 0
            default:
                readStatements(indentation)
                return
            }
            position += 1
        }
    }

    private mutating func readStatements(_ indentation: Int) {
        var text: [UInt8] = []
        var colon: Int?
        var depth = 0
        func line() -> [Line] {
            let string = String(decoding: text, as: UTF8.self)
            return text.isEmpty ? [] : [Line(indentation: indentation, text: string, colon: colon)]
        }
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "#"):
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
                continue
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                position += 1
                if depth == 0 {
                    lines += line()
                    return
                }
                append(UInt8(ascii: " "), to: &text)
                continue
            case UInt8(ascii: ";") where depth == 0 && colon == nil:
                lines += line()
                (text, colon) = ([], nil)
                position += 1
                while position < bytes.count, bytes[position] == UInt8(ascii: " ") { position += 1 }
                continue
            case UInt8(ascii: "\\"):
                position += 1
                if position < bytes.count { position += 1 }
                append(UInt8(ascii: " "), to: &text)
                continue
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                readString(byte, into: &text)
                continue
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): depth = max(0, depth - 1)
            case UInt8(ascii: ":") where depth == 0 && colon == nil: colon = text.count
            default: break
            }
            append(byte, to: &text)
            position += 1
        }
        lines += line()
    }

    /// Passes over a string, which is kept up to its first lines.
    private mutating func readString(_ quote: UInt8, into text: inout [UInt8]) {
        let isTriple = position + 2 < bytes.count && bytes[position + 1] == quote && bytes[position + 2] == quote
        let end = Array(repeating: quote, count: isTriple ? 3 : 1)
        append(quote, to: &text)
        position += end.count
        while position < bytes.count {
            let byte = bytes[position]
            if byte == quote, bytes[position...].starts(with: end) {
                position += end.count
                break
            }
            // A string that is not closed ends with its line.
            if byte == UInt8(ascii: "\n"), !isTriple { break }
            if byte == UInt8(ascii: "\\") { position += 1 }
            position += 1
            if !isTriple { append(byte, to: &text) }
        }
        append(quote, to: &text)
    }

    private func append(_ byte: UInt8, to text: inout [UInt8]) {
        if text.count < Self.lengthLimit { text.append(byte) }
    }
}
