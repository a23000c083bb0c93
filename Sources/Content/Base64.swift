/// Base64 with padding (RFC 4648, section 4), as HTTP, Docker's configuration and tables of contents use it.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func text(of bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let bits = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            for position in 0..<4 {
                text.append(position <= part.count ? alphabet[bits >> (18 - 6 * position) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Parameters:
    ///   - text: what is to be decoded.
    ///   - isPadded: whether padding has to be there, and right.
    /// - Returns: `nil` for text that is not Base64.
    package static func bytes(of text: String, isPadded: Bool = false) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits = 0
        var count = 0
        let digits = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard digits.count % 4 != 1, text.utf8.dropFirst(digits.count).allSatisfy({ $0 == UInt8(ascii: "=") }) else {
            return nil
        }
        let padding = text.utf8.count - digits.count
        guard !isPadded || padding < 3 && text.utf8.count % 4 == 0 else { return nil }
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            bits = (bits << 6 | value) & 0xffffff
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return bytes
    }
}
