import CZlib
import Content

/// Inflates gzip in one or many members with zlib, which checks CRC and length of each.
final class ZlibInflater: Inflater {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    var stopsAtMembers = false
    private(set) var isBetweenMembers = false

    init() throws {
        stream.initialize(to: z_stream())
        // 16: a gzip wrapper and nothing else; 15: the largest window.
        let status = inflateInit2_(stream, 16 + 15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            throw InflationFailure.corrupt(.gzip, "zlib cannot start: error \(status)")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int {
        var written = 0
        while written < output.count {
            if isBetweenMembers {
                guard let first = input.first else { break }
                guard first == 0x1f else { throw InflationFailure.trailingBytes }
                inflateReset(stream)
                isBetweenMembers = false
            }
            let room = UnsafeMutableRawBufferPointer(rebasing: output[written...])
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(clamping: input.count)
            stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(clamping: room.count)
            let offered = (Int(stream.pointee.avail_in), Int(stream.pointee.avail_out))
            let status = CZlib.inflate(stream, Z_NO_FLUSH)
            // Z_BUF_ERROR: nothing to do until there is more input; not an error.
            guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
                throw InflationFailure.corrupt(
                    .gzip, stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)")
            }
            input = UnsafeRawBufferPointer(rebasing: input[(offered.0 - Int(stream.pointee.avail_in))...])
            written += offered.1 - Int(stream.pointee.avail_out)
            isBetweenMembers = status == Z_STREAM_END
            if isBetweenMembers, stopsAtMembers { break }
            if status == Z_BUF_ERROR || (input.isEmpty && stream.pointee.avail_out > 0) { break }
        }
        return written
    }

    func finish() throws {
        guard isBetweenMembers else { throw InflationFailure.truncated(.gzip) }
    }
}
