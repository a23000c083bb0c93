import Content
import Testing

struct DigestTests {
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @Test(arguments: [
        ("", empty), ("\u{f}", "dc0e9c3658a1a3ed1ec94274d8b19925c93e1abb7ddba294923ad9bde30f8cb8"),
        ("{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    ])
    func knownDigestsComeOut(text: String, hex: String) {
        #expect(Digest(of: Array(text.utf8)).description == "sha256:" + hex)
    }

    @Test(arguments: [
        "sha256:" + empty, "sha512:" + String(repeating: "0123456789abcdef", count: 8),
    ])
    func digestsAreReadAndWrittenTheSame(text: String) throws {
        #expect(try Digest(parsing: text).description == text)
    }

    private static let noDigests: [String] = [
        "", ":", "\(empty)", "sha256:", "sha256:\(empty.dropLast())", "sha256:\(empty)0", "SHA256:\(empty)",
        "sha256:\(empty.uppercased())", "md5:\(empty.prefix(32))", "sha512:\(empty)", "sha256:\(empty.dropLast())g",
        "sha256:\(empty.dropLast())é", " sha256:\(empty)", "sha256:\(empty)\n", "sha256+b64u:\(empty)",
        "sha256:../../../../etc/passwd",
    ]

    @Test(arguments: noDigests)
    func whatIsNoDigestIsRefused(text: String) {
        #expect(throws: DigestFailure.self) { try Digest(parsing: text) }
    }

    @Test(arguments: [Digest.Algorithm.sha256, .sha512])
    func piecesHashLikeTheWhole(algorithm: Digest.Algorithm) {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        var (whole, pieces) = (Hasher(algorithm), Hasher(algorithm))
        bytes.withUnsafeBytes { bytes in
            whole.update(bytes)
            for start in stride(from: 0, to: 1000, by: 7) {
                pieces.update(UnsafeRawBufferPointer(rebasing: bytes[start..<min(1000, start + 7)]))
            }
        }
        #expect(whole.finalize() == pieces.finalize())
        #expect(pieces.count == 1000)
        #expect(pieces.finalize().algorithm == algorithm)
    }

    /// FIPS 180-4's example "abc".
    @Test func sha512IsSHA512() {
        var hasher = Hasher(.sha512)
        Array("abc".utf8).withUnsafeBytes { hasher.update($0) }
        #expect(hasher.finalize().hex.hasPrefix("ddaf35a193617abacc417349ae204131"))
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ])
    func base64HasThePaddingOfTheStandard(text: String, encoded: String) {
        #expect(Base64.text(of: Array(text.utf8)) == encoded)
    }

    @Test func base64TakesAllBytes() {
        #expect(Base64.text(of: [0xfb, 0xff, 0xfe]) == "+//+")
    }
}
