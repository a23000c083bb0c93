extension JSON {
    /// Deeper documents are refused: no manifest or configuration comes near, and recursion must end.
    static let depthLimit = 64

    /// Parses a whole document (RFC 8259).
    ///
    /// - Throws: `JSONFailure` for bad syntax, a repeated key, too deep nesting, or bytes after the document.
    package init(parsing bytes: [UInt8]) throws(JSONFailure) {
        var parser = JSONParser(bytes)
        self = try parser.parseDocument()
    }

    /// Parses documents that follow one another, with or without space between them, one by one.
    ///
    /// - Parameters:
    ///   - bytes: all of them.
    ///   - body: called for each, with the number of bytes before it.
    /// - Throws: `JSONFailure` for the first that is malformed, or what `body` throws.
    package static func forEach(in bytes: [UInt8], _ body: (JSON, Int) throws -> Void) throws {
        var parser = JSONParser(bytes)
        while let (document, offset) = try parser.parseNext() { try body(document, offset) }
    }
}

package struct JSONFailure: Failure {
    let reason: String
    /// Where in the document, in bytes.
    let offset: Int

    package var kind: FailureKind { .invalid }
    package var description: String { "malformed JSON at byte \(offset): \(reason)" }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func parseDocument() throws(JSONFailure) -> JSON {
        let value = try parseValue(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("expected the end of the document") }
        return value
    }

    mutating func parseNext() throws(JSONFailure) -> (JSON, offset: Int)? {
        skipSpace()
        guard position < bytes.count else { return nil }
        let offset = position
        return (try parseValue(depth: 0), offset)
    }

    private mutating func parseValue(depth: Int) throws(JSONFailure) -> JSON {
        guard depth < JSON.depthLimit else { throw failure("nested deeper than \(JSON.depthLimit) levels") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return .object(try parseObject(depth: depth))
        case UInt8(ascii: "["): return .array(try parseArray(depth: depth))
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parse("true", as: .bool(true))
        case UInt8(ascii: "f"): return try parse("false", as: .bool(false))
        case UInt8(ascii: "n"): return try parse("null", as: .null)
        default: return .number(try parseNumber())
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONFailure) -> JSON.Object {
        var object = JSON.Object()
        var keys: Set<[UInt8]> = []
        position += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return object }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("expected a member name") }
            let key = try parseString()
            // Readers disagree about which of two equal members counts, so neither can be trusted.
            guard keys.insert(Array(key.utf8)).inserted else {
                throw failure("member '\(key.prefix(100).printable)' occurs twice")
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("expected ':'") }
            object.append(key, try parseValue(depth: depth + 1))
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw failure("expected ',' or '}'") }
        return object
    }

    private mutating func parseArray(depth: Int) throws(JSONFailure) -> [JSON] {
        var array: [JSON] = []
        position += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return array }
        repeat {
            array.append(try parseValue(depth: depth + 1))
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw failure("expected ',' or ']'") }
        return array
    }

    private mutating func parseString() throws(JSONFailure) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw failure("string is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): try parseEscape(into: &text)
            case 0..<0x20: throw failure("control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("string does not end")
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(JSONFailure) {
        guard let byte = peek else { throw failure("string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try parseScalar()).utf8)
        default: throw failure("unknown escape")
        }
    }

    /// A `\u` escape, or a surrogate pair of two; half a pair becomes U+FFFD, as in the readers of images (Go).
    private mutating func parseScalar() throws(JSONFailure) -> Character {
        let first = try parseHex()
        if let scalar = Unicode.Scalar(UInt32(first)) { return Character(scalar) }
        let rewind = position
        if first < 0xdc00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let second = try parseHex()
            let value = 0x10000 + ((UInt32(first) & 0x3ff) << 10) + (UInt32(second) & 0x3ff)
            if (0xdc00...0xdfff).contains(second), let scalar = Unicode.Scalar(value) { return Character(scalar) }
        }
        position = rewind
        return "\u{fffd}"
    }

    private mutating func parseHex() throws(JSONFailure) -> UInt16 {
        guard position + 4 <= bytes.count,
            bytes[position..<position + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt16(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw failure("expected four hex digits") }
        position += 4
        return value
    }

    private mutating func parseNumber() throws(JSONFailure) -> String {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try parseDigits() }
        if take(UInt8(ascii: ".")) { try parseDigits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try parseDigits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func parseDigits() throws(JSONFailure) {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw failure("expected a value") }
    }

    private mutating func parse(_ word: String, as value: JSON) throws(JSONFailure) -> JSON {
        guard bytes[position...].starts(with: word.utf8) else { throw failure("expected a value") }
        position += word.utf8.count
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { position += 1 }
    }

    private func failure(_ reason: String) -> JSONFailure {
        JSONFailure(reason: reason, offset: position)
    }
}
