import Content

/// The last 51 bytes of a layer, which say where the table of contents is.
///
/// An empty gzip member whose extra field holds the offset:
///
///     0   10  1f 8b 08 04 00000000 00 ff   gzip header with FEXTRA
///     10   2  1a 00                        length of the extra field, 26
///     12   4  'S' 'G' 16 00                subfield and its length, 22
///     16  16  hex digits                   offset of the TOC member
///     32   6  'STARGZ'
///     38   5  01 00 00 ff ff               a final stored block of no bytes
///     43   8  zeros                        CRC and length of nothing
package struct Footer: Hashable, Sendable {
    package static let count = 51

    /// Where the member with the table of contents begins, in bytes of the blob.
    package let tocOffset: Int64

    package init(tocOffset: Int64) {
        self.tocOffset = tocOffset
    }

    /// Written out rather than compressed: encoders differ in how they write an empty block.
    package var bytes: [UInt8] {
        let digits = String(tocOffset, radix: 16)
        return [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0] + Array("SG".utf8) + [22, 0]
            + Array((String(repeating: "0", count: 16 - digits.utf8.count) + digits + "STARGZ").utf8)
            + [1, 0, 0, 0xff, 0xff] + [UInt8](repeating: 0, count: 8)
    }
}
