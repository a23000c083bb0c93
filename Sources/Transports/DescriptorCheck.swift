import Content
import OCI

extension Descriptor {
    /// Compares content with what this descriptor promises.
    ///
    /// - Throws: when size or digest differ.
    func check(_ bytes: [UInt8]) throws {
        guard Int64(bytes.count) == size else {
            throw RegistryAnswerFailure.sizeMismatch(digest, expected: size, found: Int64(bytes.count))
        }
        let actual = Digest(of: bytes, digest.algorithm)
        guard actual == digest else { throw DigestFailure.mismatch(expected: digest, actual: actual) }
    }

    /// - Throws: when a document of this size would not be read.
    func checkDocumentSize() throws {
        guard size <= Document.sizeLimit else { throw DocumentFailure.tooLarge(size) }
    }
}

extension Digest {
    /// The digest of bytes that are in memory.
    init(of bytes: [UInt8], _ algorithm: Algorithm) {
        var hasher = Hasher(algorithm)
        bytes.withUnsafeBytes { hasher.update($0) }
        self = hasher.finalize()
    }
}
