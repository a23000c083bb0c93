/// Reads a JSON document (RFC 8259) from pieces, value by value, without ever holding it.
///
/// For documents that may be large, such as tables of contents. Whoever reads says what comes next; what is skipped
/// costs no memory.
package final class JSONStream {
    /// As deep as values that are skipped may be nested.
    private static let depthLimit = 64
    /// Bytes that a string may have: nothing in an image comes near.
    private static let stringLimit = 1 << 20

    private let next: () throws -> UnsafeRawBufferPointer
    private var piece = UnsafeRawBufferPointer(start: nil, count: 0)
    private var position = 0
    /// Bytes in the pieces before this one.
    private var passed = 0
    private var isAtEnd = false
    private var text: [UInt8] = []
    /// Whether an array has begun anywhere.
    package private(set) var hasSeenArray = false

    /// - Parameter next: returns the next piece, empty at the end; each must stay in place until the next call.
    package init(_ next: @escaping () throws -> UnsafeRawBufferPointer) {
        self.next = next
    }

    /// Reads an object; `member` must read or skip the value of each key.
    ///
    /// Keys come in lower case unless `keepsCase`, since the readers of tables of contents compare them so.
    package func readObject(keepsCase: Bool = false, _ member: (_ key: String) throws -> Void) throws {
        try take(UInt8(ascii: "{"), or: "expected an object")
        if try takeNext(UInt8(ascii: "}")) { return }
        repeat {
            guard try readText() else { throw tooLong }
            let name = String(decoding: text, as: UTF8.self)
            let key = keepsCase ? name : name.fieldName
            try take(UInt8(ascii: ":"), or: "expected ':'")
            try member(key)
        } while try takeNext(UInt8(ascii: ","))
        try take(UInt8(ascii: "}"), or: "expected ',' or '}'")
    }

    /// Reads an array; `element` must read or skip each element.
    package func readArray(_ element: () throws -> Void) throws {
        try take(UInt8(ascii: "["), or: "expected an array")
        hasSeenArray = true
        if try takeNext(UInt8(ascii: "]")) { return }
        repeat { try element() } while try takeNext(UInt8(ascii: ","))
        try take(UInt8(ascii: "]"), or: "expected ',' or ']'")
    }

    /// Reads a string. What is not UTF-8 becomes U+FFFD, as in the readers of images (Go).
    package func readString() throws -> String {
        guard let string = try readString(upTo: Self.stringLimit) else { throw tooLong }
        return string
    }

    /// Reads a string, of which no more than `limit` bytes are held; `nil` when it has more.
    package func readString(upTo limit: Int) throws -> String? {
        try readText(upTo: limit) ? String(decoding: text, as: UTF8.self) : nil
    }

    /// Reads a whole number.
    package func readInteger() throws -> Int64 {
        try skipSpace()
        text.removeAll(keepingCapacity: true)
        while let byte = try peek(), byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte) {
            text.append(byte)
            position += 1
            guard text.count <= 20 else { throw failure("expected a whole number of 64 bits") }
        }
        if let byte = try peek(), [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(byte) {
            throw failure("expected a whole number")
        }
        let digits = text.drop { $0 == UInt8(ascii: "-") }
        guard digits.count == 1 || digits.first != UInt8(ascii: "0") else {
            throw failure("expected a number without zeros in front")
        }
        guard let number = Int64(String(decoding: text, as: UTF8.self)) else {
            throw failure("expected a whole number of 64 bits")
        }
        return number
    }

    /// Reads `null`, if that comes next.
    package func takeNull() throws -> Bool {
        try skipSpace()
        guard try peek() == UInt8(ascii: "n") else { return false }
        try skipWord("null")
        return true
    }

    /// Passes over any value.
    package func skipValue(depth: Int = 0) throws {
        guard depth < Self.depthLimit else { throw failure("nested too deeply") }
        try skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): try readObject { _ in try skipValue(depth: depth + 1) }
        case UInt8(ascii: "["): try readArray { try skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try readText(upTo: 0)
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    /// Where reading has got to, in bytes of the document.
    package var offset: Int { passed + position }

    private func failure(_ reason: String) -> JSONFailure {
        JSONFailure(reason: reason, offset: offset)
    }
}

extension JSONStream {
    private func peek() throws -> UInt8? {
        if position < piece.count { return piece[position] }
        guard !isAtEnd else { return nil }
        passed += piece.count
        position = 0
        piece = try next()
        isAtEnd = piece.isEmpty
        return piece.first
    }

    private func skipSpace() throws {
        while let byte = try peek(), byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d { position += 1 }
    }

    private func take(_ byte: UInt8, or reason: String) throws {
        guard try takeNext(byte) else { throw failure(reason) }
    }

    private func takeNext(_ byte: UInt8) throws -> Bool {
        try skipSpace()
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    private func skipWord(_ word: StaticString) throws {
        for index in 0..<word.utf8CodeUnitCount {
            guard try peek() == word.utf8Start[index] else { throw failure("expected a value") }
            position += 1
        }
    }

    private func skipNumber() throws {
        text.removeAll(keepingCapacity: true)
        while let byte = try peek(), "+-.eE0123456789".utf8.contains(byte) {
            text.append(byte)
            position += 1
            guard text.count <= 1000 else { throw failure("expected a number of at most 1000 digits") }
        }
        guard case .number? = try? JSON(parsing: text) else { throw failure("expected a value") }
    }

    private var tooLong: JSONFailure { failure("expected a string of at most \(Self.stringLimit) bytes") }

    /// Reads a string into `text`, or what fits there.
    ///
    /// - Returns: whether it has at most `limit` bytes.
    private func readText(upTo limit: Int = stringLimit) throws -> Bool {
        try take(UInt8(ascii: "\""), or: "expected a string")
        text.removeAll(keepingCapacity: true)
        while let byte = try peek() {
            // Plain bytes at once: most strings are nothing else.
            let start = position
            while position < piece.count, case let byte = piece[position],
                byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\")
            {
                position += 1
            }
            if position > start {
                // One byte more tells that it was too long.
                text.append(contentsOf: piece[start..<min(position, start + max(0, limit + 1 - text.count))])
                continue
            }
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return text.count <= limit
            case UInt8(ascii: "\\"):
                try readEscape()
                // A character of up to four bytes may have crossed the limit.
                if text.count > limit + 4 { text.removeLast(text.count - limit - 4) }
            default: throw failure("control character in a string")
            }
        }
        throw failure("string does not end")
    }

    private func readEscape() throws {
        guard let byte = try peek() else { throw failure("string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): try readScalars()
        default: throw failure("unknown escape")
        }
    }

    /// A `\u` escape, or a surrogate pair of two; half a pair becomes U+FFFD, as in the readers of images (Go).
    private func readScalars() throws {
        var unit = try readHex()
        while true {
            if let scalar = Unicode.Scalar(UInt32(unit)) { return append(scalar) }
            guard unit < 0xdc00, try peek() == UInt8(ascii: "\\") else { return append("\u{fffd}") }
            position += 1
            guard try peek() == UInt8(ascii: "u") else {
                append("\u{fffd}")
                return try readEscape()
            }
            position += 1
            let second = try readHex()
            let value = 0x10000 + ((UInt32(unit) & 0x3ff) << 10) + (UInt32(second) & 0x3ff)
            if (0xdc00...0xdfff).contains(second), let scalar = Unicode.Scalar(value) { return append(scalar) }
            append("\u{fffd}")
            unit = second
        }
    }

    private func append(_ scalar: Unicode.Scalar) {
        text.append(contentsOf: UTF8.encode(scalar)?.map(\.self) ?? [])
    }

    private func readHex() throws -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = try peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("expected four hex digits")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
