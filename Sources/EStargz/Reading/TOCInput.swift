import Archive
import Content

/// The text of a table of contents, inflated and hashed on its way into the parser; never held as a whole.
final class TOCInput {
    private let inflater: MemberInflater
    private let compressed: [UInt8]
    private var position = 0
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var hasher = Hasher()
    /// Bytes of text that are still to come; `nil` for as many as there are.
    private var rest: Int64?
    private let limit: Int64
    /// Inflated bytes that were read together with the header.
    private var leftover = UnsafeRawBufferPointer(start: nil, count: 0)

    /// - Parameters:
    ///   - bytes: a gzip member that holds a tar with the table, or a frame that holds the table itself.
    ///   - compression: gzip or zstd.
    ///   - isTar: which of these it is.
    ///   - limit: how long the text may be.
    /// - Throws: when it is neither.
    init(_ bytes: [UInt8], _ compression: Compression, isTar: Bool, limit: Int64) throws {
        compressed = bytes
        inflater = try MemberInflater(compression)
        self.limit = limit
        if isTar { try readHeader() }
    }

    deinit {
        block.deallocate()
    }

    /// The next piece of text, in place until the next call; empty at the end.
    func next() throws -> UnsafeRawBufferPointer {
        var piece = leftover.isEmpty ? try inflate() : leftover
        leftover = UnsafeRawBufferPointer(start: nil, count: 0)
        if let rest {
            piece = UnsafeRawBufferPointer(rebasing: piece.prefix(Int(clamping: rest)))
            self.rest = rest - Int64(piece.count)
        }
        hasher.update(piece)
        guard hasher.count <= limit else { throw LayerReadFailure.tocTooLarge(hasher.count, limit: limit) }
        return piece
    }

    /// Reads what is left of the text.
    ///
    /// - Returns: the digest and length of all text.
    func finish() throws -> (digest: Digest, count: Int64) {
        while try !next().isEmpty {}
        if let rest, rest > 0 { throw LayerReadFailure.malformedTOC("it ends \(rest) bytes too early") }
        return (hasher.finalize(), hasher.count)
    }

    /// The next inflated bytes of the member.
    private func inflate() throws -> UnsafeRawBufferPointer {
        try compressed.withUnsafeBytes { bytes in
            // Text that does not fit into one member readers do not see.
            while position < bytes.count, position == 0 || !inflater.isBetweenMembers {
                var input = UnsafeRawBufferPointer(rebasing: bytes[position...])
                let before = input.count
                let made = try inflater.inflate(&input, into: block)
                position += before - input.count
                if made > 0 { return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[..<made]) }
                guard input.count < before else { break }
            }
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// Reads the tar header, by the rules of Go's archive/tar, with which readers do.
    private func readHeader() throws {
        var header: [UInt8] = []
        while header.count < 512, case let piece = try inflate(), !piece.isEmpty {
            let taken = min(512 - header.count, piece.count)
            header += piece[..<taken]
            leftover = UnsafeRawBufferPointer(rebasing: piece[taken...])
        }
        guard header.count == 512 else { throw LayerReadFailure.noTOCEntry("no tar header") }
        let name = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
        guard name.isSameText(as: SpecialEntry.tableOfContents.rawValue) else {
            throw LayerReadFailure.noTOCEntry("'\(name.printable)'")
        }
        let sum = header.indices.reduce(Int64(0)) { $0 + Int64((148..<156).contains($1) ? 0x20 : header[$1]) }
        guard try Self.octal(header[148..<156]) == sum else { throw LayerReadFailure.noTOCEntry("a wrong checksum") }
        let type = header[156]
        guard type == 0 || type == UInt8(ascii: "0") else {
            throw LayerReadFailure.noTOCEntry("an entry of type '\(String(UnicodeScalar(type)).printable)'")
        }
        guard header[345..<500].allSatisfy({ $0 == 0 }) || !header[257..<262].elementsEqual("ustar".utf8) else {
            throw LayerReadFailure.noTOCEntry("a name in a directory")
        }
        let devices = header[257..<262].elementsEqual("ustar".utf8) ? [329..<337, 337..<345] : []
        for field in [100..<108, 108..<116, 116..<124, 136..<148] + devices { _ = try Self.octal(header[field]) }
        let size = try Self.octal(header[124..<136])
        guard size <= limit else { throw LayerReadFailure.tocTooLarge(size, limit: limit) }
        rest = size
    }

    /// Octal digits between blanks and zero bytes, or the number itself where the first bit is set.
    private static func octal(_ field: ArraySlice<UInt8>) throws -> Int64 {
        if field.first == 0x80, field.dropFirst().prefix(field.count - 8).allSatisfy({ $0 == 0 }) {
            let value = field.suffix(min(8, field.count - 1)).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if value <= UInt64(Int64.max) { return Int64(value) }
        }
        let isFilling = { (byte: UInt8) in byte == 0x20 || byte == 0 }
        let text = field.drop(while: isFilling).reversed().drop(while: isFilling).reversed()
        let digits = text.prefix { $0 != 0 }
        guard digits.allSatisfy({ (0x30...0x37).contains($0) }) else {
            throw LayerReadFailure.noTOCEntry("a header with a number that is none")
        }
        return digits.reduce(0) { $0 << 3 | Int64($1 - 0x30) }
    }
}

extension TableOfContents {
    /// How long the text of a table may be: three times what containers/storage reads.
    package static let textLimit: Int64 = 450 << 20
    /// How long a compressed table may be (containers/storage).
    package static let compressedLimit: Int64 = 150 << 20

    /// Reads a table from its member or frame.
    ///
    /// - Parameters:
    ///   - bytes: from the first byte of the member or frame on.
    ///   - format: of the layer that it describes.
    ///   - dataEnd: where the data of that layer ends, in bytes of its blob.
    /// - Returns: the table, and digest and length of its text.
    /// - Throws: when it cannot be read.
    package static func read(
        _ bytes: [UInt8], _ format: LayerFormat, dataEnd: Int64
    ) throws -> (table: TableOfContents, digest: Digest, textCount: Int64) {
        let input = try TOCInput(
            bytes, format.isZstd ? .zstd : .gzip, isTar: !format.isZstd, limit: textLimit)
        let stream = JSONStream(input.next)
        var builder = TOCBuilder(format, dataEnd: dataEnd)
        var (hasEntries, isBehindArray) = (false, false)
        try stream.readObject { key in
            // Readers in Go take nothing else for it.
            if key == "version" { if try !stream.takeNull() { _ = try stream.readInteger() }; return }
            guard key == "entries" else { return try stream.skipValue() }
            // Some readers take the last, some a mixture.
            guard !hasEntries else { throw LayerReadFailure.malformedTOC("'entries' occurs twice") }
            hasEntries = true
            if try stream.takeNull() { return }
            isBehindArray = stream.hasSeenArray
            try stream.readArray { try builder.add(try TOCRecord(stream)) }
        }
        let end = Int64(stream.offset)
        let (digest, count) = try input.finish()
        var table = builder.finish()
        if !hasEntries { table.findings.add(LayerFinding(.toc, "the document has no 'entries'")) }
        if isBehindArray {
            table.findings.add(
                LayerFinding(
                    .toc,
                    "an array comes before 'entries', which snapshotters with a database of tables take for them"))
        }
        if end < count {
            table.findings.add(LayerFinding(.toc, "bytes follow the closing brace, over whose digest readers disagree"))
        }
        return (table, digest, count)
    }
}
