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

extension ByteSource {
    /// Reads everything, which may still be arriving.
    ///
    /// - Parameters:
    ///   - algorithm: of the digest.
    ///   - cancellation: ends the reading.
    /// - Returns: the digest of all bytes, and how many there are.
    /// - Throws: what reading throws.
    package func hashed(
        _ algorithm: Digest.Algorithm, _ cancellation: CancellationFlag
    ) throws -> (digest: Digest, count: Int64) {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { block.deallocate() }
        var hasher = Hasher(algorithm)
        while case let count = try read(at: hasher.count, into: block), count > 0 {
            try cancellation.check()
            hasher.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[..<count]))
        }
        let count = hasher.count
        return (hasher.finalize(), count)
    }
}
