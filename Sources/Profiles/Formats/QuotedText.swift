/// A text in quotes with the escapes of C, as strace and Go's loggers print them.
struct QuotedText {
    let bytes: [UInt8]
    /// Behind the closing quote.
    let end: Int

    /// Reads a text that begins with a quote; `nil` when it has no end or an escape that is none.
    init?(_ text: ArraySlice<UInt8>) {
        guard text.first == UInt8(ascii: "\"") else { return nil }
        var rest = text.dropFirst()
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                self.bytes = bytes
                end = rest.startIndex
                return
            case UInt8(ascii: "\\"):
                guard let escaped = Self.unescape(&rest) else { return nil }
                bytes += escaped
            default: bytes.append(byte)
            }
        }
        return nil
    }

    /// Reads what follows a backslash.
    private static func unescape(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let byte = rest.first else { return nil }
        if let octal = number(&rest, radix: 8, digits: 1...3) { return [UInt8(truncatingIfNeeded: octal)] }
        rest = rest.dropFirst()
        switch byte {
        case UInt8(ascii: "a"): return [0x07]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "v"): return [0x0b]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "x"): return number(&rest, radix: 16, digits: 2...2).map { [UInt8(truncatingIfNeeded: $0)] }
        case UInt8(ascii: "u"): return scalar(number(&rest, radix: 16, digits: 4...4))
        case UInt8(ascii: "U"): return scalar(number(&rest, radix: 16, digits: 8...8))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "'"): return [byte]
        default: return nil
        }
    }

    private static func scalar(_ value: UInt32?) -> [UInt8]? {
        value.flatMap(Unicode.Scalar.init).map { Array(String($0).utf8) }
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, radix: Int, digits: ClosedRange<Int>) -> UInt32? {
        let digitsThere = rest.prefix(digits.upperBound).prefix {
            Character(Unicode.Scalar($0)).hexDigitValue.map { $0 < radix } ?? false
        }
        guard digits.contains(digitsThere.count) else { return nil }
        rest = rest.dropFirst(digitsThere.count)
        return UInt32(String(decoding: digitsThere, as: UTF8.self), radix: radix)
    }
}
