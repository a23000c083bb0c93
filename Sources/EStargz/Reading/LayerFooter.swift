import Content

/// How a layer tells where its files are.
package enum LayerFormat: String, Sendable {
    case estargz
    /// The ancestor of eStargz, without digests of chunks.
    case stargz
    /// eStargz whose table of contents is in another image.
    case externalTOC = "estargz-external-toc"
    /// zstd:chunked as stargz-snapshotter writes and reads it.
    case zstdChunked = "zstd-chunked"
    /// zstd:chunked as containers/storage writes and reads it.
    case containersZstdChunked = "zstd-chunked-containers"

    /// Whether members are frames of zstd.
    package var isZstd: Bool { self == .zstdChunked || self == .containersZstdChunked }
}

/// The last bytes of a layer, as far as they say where its table of contents is.
package struct LayerFooter: Hashable, Sendable {
    package enum TOCPlace: Hashable, Sendable {
        /// A gzip member with a tar entry, in this range of the blob.
        case member(Range<Int64>)
        /// A frame of zstd in this range, and how many bytes it is said to inflate to.
        case frame(Range<Int64>, inflated: Int64)
        /// In another image.
        case elsewhere
    }

    package let format: LayerFormat
    /// Bytes of the footer, with the header of the frame that it may be in.
    package let count: Int
    package let toc: TOCPlace

    /// Reads the end of a blob, formats in the order in which the snapshotter tries them; `nil` when it is none of them.
    ///
    /// - Parameters:
    ///   - tail: the last bytes, at least 72 of them unless the blob is shorter.
    ///   - blobSize: bytes of the whole blob.
    /// - Throws: `LayerReadFailure` when there is one that leads out of the blob.
    package init?(parsing tail: [UInt8], blobSize: Int64) throws {
        let candidates = [Self.estargz, Self.stargz, Self.zstdChunked, Self.containersZstdChunked, Self.externalTOC]
        for parse in candidates {
            guard let footer = parse(tail, blobSize) else { continue }
            if case .member(let range) = footer.toc, range.isEmpty { throw LayerReadFailure.tocOutside }
            if case .frame(let range, _) = footer.toc, range.upperBound > blobSize - Int64(footer.count) {
                throw LayerReadFailure.tocOutside
            }
            self = footer
            return
        }
        return nil
    }

    private init(_ format: LayerFormat, _ count: Int, _ toc: TOCPlace) {
        self.format = format
        self.count = count
        self.toc = toc
    }

    /// The bytes that every writer of the format ends with; `nil` where writers may differ.
    package var canonicalBytes: [UInt8]? {
        switch (format, toc) {
        case (.estargz, .member(let range)): Footer(tocOffset: range.lowerBound).bytes
        case (.stargz, .member(let range)):
            Self.gzipHeader + [22, 0] + Array((Self.hexDigits(range.lowerBound) + "STARGZ").utf8) + Self.emptyBlock
        case (.externalTOC, _):
            Self.gzipHeader + [21, 0] + Array("SG".utf8) + [17, 0] + Array(Self.externalMark.utf8) + Self.emptyBlock
        case (.zstdChunked, .frame(let range, let inflated)):
            [0x50, 0x2a, 0x4d, 0x18, 40, 0, 0, 0]
                + [UInt64(range.lowerBound), UInt64(range.count), UInt64(inflated), 1].flatMap(Self.littleEndian)
                + Array("GnUlInUx".utf8)
        default: nil
        }
    }

    /// Sixteen of them.
    private static func hexDigits(_ offset: Int64) -> String {
        let digits = String(offset, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static let gzipHeader: [UInt8] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff]
    private static let emptyBlock: [UInt8] = [1, 0, 0, 0xff, 0xff] + [UInt8](repeating: 0, count: 8)
    private static let externalMark = "STARGZEXTERNALTOC"
}

extension LayerFooter {
    /// The last `count` bytes, when they begin a gzip member with an extra field.
    private static func member(_ tail: [UInt8], _ count: Int) -> [UInt8]? {
        let bytes = Array(tail.suffix(count))
        return bytes.count == count && bytes.starts(with: [0x1f, 0x8b, 8, 4]) ? bytes : nil
    }

    private static func estargz(_ tail: [UInt8], _ blobSize: Int64) -> LayerFooter? {
        guard let bytes = member(tail, Footer.count), bytes[10...].starts(with: [26, 0, 0x53, 0x47, 22, 0]) else {
            return nil
        }
        return footer(.estargz, Footer.count, field: bytes[16..<38], blobSize)
    }

    private static func stargz(_ tail: [UInt8], _ blobSize: Int64) -> LayerFooter? {
        guard let bytes = member(tail, 47), bytes[10...].starts(with: [22, 0]) else { return nil }
        return footer(.stargz, 47, field: bytes[12..<34], blobSize)
    }

    /// `field` is 16 hex digits and a mark.
    private static func footer(
        _ format: LayerFormat, _ count: Int, field: ArraySlice<UInt8>, _ blobSize: Int64
    ) -> LayerFooter? {
        let digits = String(decoding: field.prefix(16), as: UTF8.self)
        guard field.dropFirst(16).elementsEqual("STARGZ".utf8), digits.allSatisfy(\.isHexDigit),
            let offset = Int64(digits, radix: 16)
        else { return nil }
        let end = blobSize - Int64(count)
        return LayerFooter(format, count, .member(min(offset, end)..<max(end, min(offset, end))))
    }

    private static func externalTOC(_ tail: [UInt8], _ blobSize: Int64) -> LayerFooter? {
        guard let bytes = member(tail, 46), bytes[10...].starts(with: [21, 0, 0x53, 0x47, 17, 0]),
            bytes[16...].starts(with: externalMark.utf8)
        else { return nil }
        return LayerFooter(.externalTOC, 46, .elsewhere)
    }

    private static func zstdChunked(_ tail: [UInt8], _ blobSize: Int64) -> LayerFooter? {
        frame(.zstdChunked, tail, 40, mark: "GnUlInUx")
    }

    private static func containersZstdChunked(_ tail: [UInt8], _ blobSize: Int64) -> LayerFooter? {
        frame(.containersZstdChunked, tail, 64, mark: "GNUlInUx")
    }

    /// Numbers of 64 bits, little-endian: offset, compressed and inflated size, type; others; a mark of eight bytes.
    private static func frame(
        _ format: LayerFormat, _ tail: [UInt8], _ count: Int, mark: String
    ) -> LayerFooter? {
        let bytes = Array(tail.suffix(count))
        guard bytes.count == count, bytes.suffix(8).elementsEqual(mark.utf8) else { return nil }
        let numbers = (0..<4).map { position in
            bytes[8 * position..<8 * position + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let (end, overflow) = numbers[0].addingReportingOverflow(numbers[1])
        guard numbers[3] == 1, !overflow, let start = Int64(exactly: numbers[0]), let end = Int64(exactly: end),
            let inflated = Int64(exactly: numbers[2])
        else { return nil }
        return LayerFooter(format, count + 8, .frame(start..<end, inflated: inflated))
    }

    private static func littleEndian(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    }
}
