/// A SHA-256 digest in 32 bytes, for tables with very many of them.
package struct CompactDigest: Hashable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// - Returns: `nil` for everything but `sha256:` and 64 lower-case hex digits.
    package init?(parsing text: String) {
        let prefix = "sha256:"
        guard text.utf8.count == prefix.utf8.count + 64, text.hasPrefix(prefix) else { return nil }
        var words = [UInt64](repeating: 0, count: 4)
        for (position, digit) in text.utf8.dropFirst(prefix.utf8.count).enumerated() {
            let value: UInt8
            switch digit {
            case 0x30...0x39: value = digit - 0x30
            case 0x61...0x66: value = digit - 0x61 + 10
            default: return nil
            }
            words[position / 16] = words[position / 16] << 4 | UInt64(value)
        }
        (first, second, third, fourth) = (words[0], words[1], words[2], words[3])
    }

    /// - Returns: `nil` for digests of another algorithm.
    package init?(_ digest: Digest) {
        self.init(parsing: digest.description)
    }

    package var digest: Digest {
        let bytes = [first, second, third, fourth].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
        return Digest(algorithm: .sha256, digits: bytes)
    }
}
