import Content

/// Inflates a compressed stream member by member (gzip) or frame by frame (zstd), and knows where each ends.
package final class MemberInflater {
    private let inflater: any Inflater

    /// - Throws: when the library has no memory.
    package init(_ compression: Compression) throws {
        inflater = try compression.makeInflater()
        inflater.stopsAtMembers = true
    }

    /// Whether all that has been read makes whole members.
    package var isBetweenMembers: Bool { inflater.isBetweenMembers }

    /// Inflates up to the end of a member at most; called again behind one, it goes on with the next.
    ///
    /// - Parameters:
    ///   - input: loses the bytes that were read.
    ///   - output: where the inflated bytes go.
    /// - Returns: how many bytes were written.
    /// - Throws: `InflationFailure` for what cannot be inflated; CRC and length of a member are compared at its end.
    package func inflate(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws -> Int {
        try inflater.inflate(&input, into: output)
    }
}

extension MemberInflater {
    /// Inflates the beginning of what is in memory, from one member into the next where that is needed, as readers of
    /// eStargz do.
    ///
    /// Memory follows what is really inflated, not what anybody says of it.
    ///
    /// - Parameters:
    ///   - bytes: from the first byte of a member on.
    ///   - compression: gzip or zstd.
    ///   - limit: how many bytes are wanted at most.
    /// - Returns: the inflated bytes, fewer than wanted where the input ends first.
    /// - Throws: `InflationFailure` for what cannot be inflated.
    package static func prefix(of bytes: [UInt8], _ compression: Compression, limit: Int) throws -> [UInt8] {
        let inflater = try MemberInflater(compression)
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(limit, 1), 256 << 10), alignment: 64)
        defer { block.deallocate() }
        var result: [UInt8] = []
        try bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while result.count < limit {
                let before = rest.count
                let room = UnsafeMutableRawBufferPointer(rebasing: block[..<min(block.count, limit - result.count)])
                let made = try inflater.inflate(&rest, into: room)
                result.append(contentsOf: room[..<made])
                if made == 0, rest.count == before { break }
            }
        }
        return result
    }
}
