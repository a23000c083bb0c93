import Crypto

/// The content address of a blob, such as `sha256:9f86d0…` (OCI image specification, descriptor.md, "Digests").
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    package enum Algorithm: String, Sendable {
        case sha256, sha512

        var hexCount: Int {
            switch self {
            case .sha256: 64
            case .sha512: 128
            }
        }
    }

    package let algorithm: Algorithm
    /// Lower-case hexadecimal digits.
    package let hex: String

    /// - Throws: `DigestFailure` when `text` is not an algorithm that is known, a colon and lower-case hex digits.
    package init(parsing text: String) throws(DigestFailure) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])),
            parts[1].utf8.count == algorithm.hexCount,
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { throw DigestFailure.malformed(text) }
        self.algorithm = algorithm
        hex = String(parts[1])
    }

    init(_ digest: SHA256.Digest) {
        algorithm = .sha256
        hex = Hexadecimal.text(of: digest)
    }

    /// The SHA-256 digest of bytes that are already in memory.
    package init(of bytes: [UInt8]) {
        self.init(SHA256.hash(data: bytes))
    }

    /// The SHA-256 digest of bytes that are already in memory.
    package init(of bytes: UnsafeRawBufferPointer) {
        var hasher = SHA256()
        hasher.update(bufferPointer: bytes)
        self.init(hasher.finalize())
    }

    package var description: String { "\(algorithm.rawValue):\(hex)" }

    /// The first twelve digits, as people know them from other tools.
    package var short: String { String(hex.prefix(12)) }
}

package enum DigestFailure: Failure {
    case malformed(String)
    case mismatch(expected: Digest, actual: Digest)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .malformed(let text): "expected a digest such as sha256:… (64 hex digits), not '\(text.prefix(150))'"
        case .mismatch(let expected, let actual): "expected digest \(expected), not \(actual)"
        }
    }
}

/// Hashes a stream of bytes with the algorithm that a digest names.
package struct Hasher: Sendable {
    // One of the two; optionals, because they can be updated in place.
    private var sha256: SHA256?
    private var sha512: SHA512?
    /// How many bytes have been hashed.
    package private(set) var count: Int64 = 0

    package init(_ algorithm: Digest.Algorithm = .sha256) {
        switch algorithm {
        case .sha256: sha256 = SHA256()
        case .sha512: sha512 = SHA512()
        }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count += Int64(bytes.count)
        sha256?.update(bufferPointer: bytes)
        sha512?.update(bufferPointer: bytes)
    }

    /// The digest of all bytes so far.
    package func finalize() -> Digest {
        if let sha512 {
            Digest(algorithm: .sha512, digits: sha512.finalize())
        } else {
            Digest((sha256 ?? SHA256()).finalize())
        }
    }
}

extension Digest {
    init(algorithm: Algorithm, digits: some Sequence<UInt8>) {
        self.algorithm = algorithm
        hex = Hexadecimal.text(of: digits)
    }
}

enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(of bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
