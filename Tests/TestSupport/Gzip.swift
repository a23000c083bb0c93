import CZlib

/// Reads gzip member by member with zlib: what the program writes is not read with what it reads with.
package struct GzipMember: Sendable {
    /// Where the member begins.
    package let offset: Int
    package let bytes: [UInt8]
    /// The extra field of its header.
    package let extra: [UInt8]

    /// All members of a gzip file, which must be made of nothing else; CRC and length of each are compared.
    package static func all(of file: [UInt8]) throws -> [GzipMember] {
        var members: [GzipMember] = []
        var position = 0
        while position < file.count {
            let member = try one(of: file, at: &position)
            members.append(member)
        }
        return members
    }

    private static func one(of file: [UInt8], at position: inout Int) throws -> GzipMember {
        let offset = position
        guard file.count - position >= 18, file[position...].starts(with: [0x1f, 0x8b, 8]) else {
            throw BadGzip("no member begins at byte \(position)")
        }
        let flags = file[position + 3]
        position += 10
        var extra: [UInt8] = []
        if flags & 4 != 0 {
            let count = Int(file[position]) | Int(file[position + 1]) << 8
            extra = Array(file[(position + 2)..<(position + 2 + count)])
            position += 2 + count
        }
        guard flags & ~4 == 0 else { throw BadGzip("unexpected flags \(flags)") }
        let bytes = try inflated(file, at: &position)
        guard file.count - position >= 8 else { throw BadGzip("the trailer is incomplete") }
        let (crc, count) = (
            littleEndian(file[position..<position + 4]), littleEndian(file[(position + 4)..<position + 8])
        )
        guard crc == CRC32.of(bytes), count == UInt32(truncatingIfNeeded: bytes.count) else {
            throw BadGzip("wrong CRC or length of the member at byte \(offset)")
        }
        position += 8
        return GzipMember(offset: offset, bytes: bytes, extra: extra)
    }

    /// Inflates one raw DEFLATE stream, and moves `position` behind it.
    private static func inflated(_ file: [UInt8], at position: inout Int) throws -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw BadGzip("zlib cannot start")
        }
        defer { inflateEnd(&stream) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        let status = file.withUnsafeBufferPointer { file -> Int32 in
            stream.next_in = file.baseAddress.map { UnsafeMutablePointer(mutating: $0 + position) }
            stream.avail_in = UInt32(file.count - position)
            var status = Z_OK
            while status == Z_OK {
                let made = block.withUnsafeMutableBufferPointer { block in
                    stream.next_out = block.baseAddress
                    stream.avail_out = UInt32(block.count)
                    status = inflate(&stream, Z_NO_FLUSH)
                    return block.count - Int(stream.avail_out)
                }
                bytes += block[..<made]
            }
            return status
        }
        guard status == Z_STREAM_END else { throw BadGzip("the stream at byte \(position) is broken: \(status)") }
        position += Int(stream.total_in)
        return bytes
    }

    private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}

package struct BadGzip: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

package enum CRC32 {
    package static func of(_ bytes: [UInt8]) -> UInt32 {
        UInt32(crc32(0, bytes, UInt32(bytes.count)))
    }
}
