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

    /// Hands `body` a range of the bytes, which must all be there, piece by piece, each in place until the next.
    ///
    /// - Parameters:
    ///   - start: where the range begins.
    ///   - end: where it ends.
    ///   - body: takes a piece of at most 1 MiB.
    /// - Throws: `FileFailure.truncated` when the source ends first, and what `body` throws.
    package func forEachPiece(
        from start: Int64 = 0, upTo end: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Int(min(max(end - start, 1), 1 << 20)), alignment: 64)
        defer { block.deallocate() }
        var position = start
        while position < end {
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: block[..<Int(min(Int64(block.count), end - position))])
            try readAll(at: position, into: piece)
            try body(UnsafeRawBufferPointer(piece))
            position += Int64(piece.count)
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
