/// Bytes that can be read at any position, some of which may still be on their way.
package protocol ByteSource: Sendable {
    /// Reads up to `buffer.count` bytes from `offset` on; waits for bytes that have yet to arrive.
    ///
    /// - Returns: how many bytes were read; zero only at the end or for an empty buffer.
    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

extension ByteSource {
    /// Reads exactly `buffer.count` bytes.
    ///
    /// - Throws: `FileFailure.truncated` when the source ends first.
    package func readAll(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < buffer.count {
            let count = try read(
                at: offset + Int64(done), into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            guard count > 0 else { throw FileFailure.truncated(wanted: buffer.count, found: done) }
            done += count
        }
    }
}

/// What is in memory already.
extension [UInt8]: ByteSource {
    package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard offset >= 0, offset < Int64(count) else { return 0 }
        let part = self[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }
}
