import Archive
import Content

/// A layer that is read where it lies: its table of contents, and members by range.
package struct LayerReader: Sendable {
    /// Where the table of a layer of containers/storage is, which is told by its annotations alone.
    package struct ZstdPosition: Hashable, Sendable {
        package let range: Range<Int64>
        package let inflated: Int64

        /// Reads `offset:compressed:inflated:1`.
        package init?(_ text: String) {
            let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
            guard numbers.count == 4, let offset = numbers[0], let count = numbers[1], let inflated = numbers[2],
                numbers[3] == 1, offset >= 0, count >= 0, inflated >= 0,
                case let (end, overflow) = offset.addingReportingOverflow(count), !overflow
            else { return nil }
            range = offset..<end
            self.inflated = inflated
        }
    }

    /// What the manifest says of the table, by which it is checked.
    package enum Trust: Sendable {
        /// The digest of its text.
        case text(Digest)
        /// Where its frame is, and the digest of the frame as it is (containers/storage).
        case frame(ZstdPosition, Digest)
    }

    /// How much of the end is read at once. A footer and a small table fit; a blob is often one of many.
    private static let tailCount: Int64 = 16 << 10
    /// Chunks are held in memory, since nothing of them may be handed on before all is checked.
    package static let chunkLimit: Int64 = 64 << 20

    package let format: LayerFormat
    package let table: TableOfContents
    /// The table's member or frame, as it is.
    package let compressedTOC: [UInt8]
    /// Bytes of the table's text.
    package let tocTextSize: Int64
    /// Of the table's text.
    package let tocDigest: Digest
    /// Where the data of files ends, in bytes of the blob.
    package let dataEnd: Int64
    package let footer: LayerFooter?
    private let blob: any RandomAccess
    private let members: MemberCache

    /// Reads the end of a blob and the table, and checks the table.
    ///
    /// - Parameters:
    ///   - blob: the compressed layer.
    ///   - trust: what the manifest says of the table.
    ///   - members: may be shared by layers, so that not each keeps a member.
    ///   - externalTOC: fetches the blob with the table when that is in another image; `nil` when there is none.
    /// - Throws: `LayerReadFailure` when the layer cannot be read lazily.
    package init(
        _ blob: any RandomAccess, trusting trust: Trust, members: MemberCache = MemberCache(),
        externalTOC: () async throws -> [UInt8]?
    ) async throws {
        self.blob = blob
        self.members = members
        let opening = try await Self.insisting(forgetting: blob.forget) {
            try await Self.open(blob, trusting: trust, externalTOC: externalTOC)
        }
        (format, footer, compressedTOC, dataEnd) = (opening.format, opening.footer, opening.toc, opening.dataEnd)
        (table, tocDigest, tocTextSize) = opening.read
    }

    /// What was changed on its way is right the next time, unless it is the blob that has it wrong.
    private static func insisting<Value>(
        forgetting forget: () -> Void, _ read: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await read()
        } catch let failure as any Failure where failure.kind == .invalid {
            forget()
            return try await read()
        }
    }

    private struct Opening {
        let format: LayerFormat
        let footer: LayerFooter?
        let toc: [UInt8]
        let dataEnd: Int64
        let read: (table: TableOfContents, digest: Digest, textCount: Int64)

        init(_ format: LayerFormat, _ footer: LayerFooter?, _ toc: [UInt8], dataEnd: Int64) throws {
            (self.format, self.footer, self.toc, self.dataEnd) = (format, footer, toc, dataEnd)
            read = try TableOfContents.read(toc, format, dataEnd: dataEnd)
        }
    }

    private static func open(
        _ blob: any RandomAccess, trusting trust: Trust, externalTOC: () async throws -> [UInt8]?
    ) async throws -> Opening {
        if case .frame(let position, let digest) = trust {
            guard position.range.upperBound <= blob.count, !position.range.isEmpty else {
                throw LayerReadFailure.tocOutside
            }
            let toc = try await bytes(of: blob, in: position.range, tail: ([], from: blob.count))
            let actual = Digest(of: toc)
            guard actual == digest else { throw LayerReadFailure.wrongTOCDigest(expected: digest, actual: actual) }
            return try Opening(.containersZstdChunked, nil, toc, dataEnd: max(0, position.range.lowerBound - 8))
        }
        let start = max(0, blob.count - tailCount)
        let tail = try await blob.bytes(in: start..<blob.count)
        guard let footer = try LayerFooter(parsing: tail, blobSize: blob.count) else { throw LayerReadFailure.noFooter }
        let opening: Opening
        switch footer.toc {
        case .member(let range):
            let toc = try await bytes(of: blob, in: range, tail: (tail, from: start))
            guard toc.starts(with: [0x1f, 0x8b, 8]) else {
                throw LayerReadFailure.noTOCMember(offset: range.lowerBound)
            }
            opening = try Opening(footer.format, footer, toc, dataEnd: range.lowerBound)
        case .frame(let range, _):
            let toc = try await bytes(of: blob, in: range, tail: (tail, from: start))
            // A frame that readers skip has eight bytes in front.
            opening = try Opening(footer.format, footer, toc, dataEnd: max(0, range.lowerBound - 8))
        case .elsewhere:
            guard let toc = try await externalTOC() else { throw LayerReadFailure.noExternalTOC }
            opening = try Opening(footer.format, footer, toc, dataEnd: blob.count - Int64(footer.count))
        }
        if case .text(let expected) = trust, opening.read.digest != expected {
            throw LayerReadFailure.wrongTOCDigest(expected: expected, actual: opening.read.digest)
        }
        return opening
    }

    /// Bytes of the table, compressed.
    package var tocSize: Int64 { Int64(compressedTOC.count) }

    /// Hands `body` the text of the table piece by piece, as it stands there.
    package func forEachPieceOfTOC(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let input = try TOCInput(
            compressedTOC, format.isZstd ? .zstd : .gzip, isTar: !format.isZstd, limit: TableOfContents.textLimit)
        while case let piece = try input.next(), !piece.isEmpty { try body(piece) }
    }

    /// A range of which the end may have been read already.
    private static func bytes(
        of blob: any RandomAccess, in range: Range<Int64>, tail: (bytes: [UInt8], from: Int64)
    ) async throws -> [UInt8] {
        guard range.count <= TableOfContents.compressedLimit else {
            throw LayerReadFailure.tocTooLarge(Int64(range.count), limit: TableOfContents.compressedLimit)
        }
        let known = range.clamped(to: tail.from..<tail.from + Int64(tail.bytes.count))
        let end = tail.bytes[Int(known.lowerBound - tail.from)..<Int(known.upperBound - tail.from)]
        guard known.count < range.count else { return Array(end) }
        return try await blob.bytes(in: range.lowerBound..<(known.isEmpty ? range.upperBound : known.lowerBound)) + end
    }

    /// Reads a chunk, and checks it before it is handed on.
    ///
    /// - Parameter chunk: one of the table.
    /// - Returns: all of its data.
    /// - Throws: `LayerReadFailure` when it is not what the table says.
    package func bytes(of chunk: TableOfContents.Chunk) async throws -> [UInt8] {
        try await Self.insisting {
            blob.forget()
            members.forget()
        } _: {
            try await readOnce(chunk)
        }
    }

    private func readOnce(_ chunk: TableOfContents.Chunk) async throws -> [UInt8] {
        guard chunk.size <= Self.chunkLimit else {
            throw LayerReadFailure.chunkTooLarge(chunk.size, limit: Self.chunkLimit)
        }
        guard !chunk.isHole else { return [UInt8](repeating: 0, count: Int(chunk.size)) }
        guard let digest = chunk.digest?.digest else { throw LayerReadFailure.noChunkDigest(offset: chunk.offset) }
        let (wanted, overflow) = chunk.innerOffset.addingReportingOverflow(chunk.size)
        guard !overflow, wanted <= 2 * Self.chunkLimit else {
            throw LayerReadFailure.chunkTooLarge(chunk.innerOffset, limit: Self.chunkLimit)
        }
        guard chunk.offset < dataEnd else { throw LayerReadFailure.chunkOutside(offset: chunk.offset) }
        let inflated = try await prefix(ofMemberAt: chunk.offset, wanted)
        guard inflated.count >= wanted else {
            throw LayerReadFailure.chunkTooShort(
                offset: chunk.offset, expected: chunk.size, found: max(0, inflated.count - Int(chunk.innerOffset)))
        }
        let data = Array(inflated[Int(chunk.innerOffset)..<Int(wanted)])
        let actual = Digest(of: data)
        guard actual == digest else {
            throw LayerReadFailure.wrongChunkDigest(offset: chunk.offset, expected: digest, actual: actual)
        }
        return data
    }

    /// The first inflated bytes of a member, `wanted` of them or more where it has so many.
    private func prefix(ofMemberAt offset: Int64, _ wanted: Int64) async throws -> [UInt8] {
        let known = members.prefix(tocDigest, at: offset)
        guard known.count < wanted else { return known }
        // Whoever comes back for more will do so again.
        let wanted = max(wanted, min(2 * Int64(known.count), 2 * Self.chunkLimit))
        let inflated = try await prefix(of: offset..<table.memberEnd(after: offset, end: dataEnd), wanted)
        members.keep(inflated, tocDigest, at: offset)
        return inflated
    }

    /// The first inflated bytes of a range of members.
    ///
    /// Members hold headers behind the data, and hostile tables leave gaps, so no more is fetched at first than so many
    /// bytes can have been compressed to.
    private func prefix(of range: Range<Int64>, _ wanted: Int64) async throws -> [UInt8] {
        let bound = wanted + wanted / 8 + (4 << 10)
        let compression: Compression = format.isZstd ? .zstd : .gzip
        let bytes = try await blob.bytes(
            in: range.lowerBound..<min(range.upperBound, range.lowerBound.addingSaturated(bound)))
        let inflated = try MemberInflater.prefix(of: bytes, compression, limit: Int(wanted))
        guard inflated.count < wanted, bytes.count < range.count else { return inflated }
        // Members that grew when they were compressed.
        let more =
            range.lowerBound + Int64(bytes.count)..<min(range.upperBound, range.lowerBound.addingSaturated(2 * bound))
        return try MemberInflater.prefix(
            of: bytes + (try await blob.bytes(in: more)), compression, limit: Int(wanted))
    }

    /// A part of a file, put together from its chunks.
    ///
    /// - Parameters:
    ///   - entry: the position of the file in the table.
    ///   - range: in bytes of the file; must lie within it.
    ///   - chunk: reads one of its chunks, or has it at hand.
    /// - Returns: exactly the bytes of the range.
    /// - Throws: when the chunks do not make up the file, or what `chunk` throws.
    package func bytes(
        of entry: Int, in range: Range<Int64>,
        reading chunk: (TableOfContents.Chunk) async throws -> [UInt8]
    ) async throws -> [UInt8] {
        var result: [UInt8] = []
        let parts = try table.chunks(of: entry)
        for part in parts[parts.firstIndex(endingAfter: range.lowerBound)...] {
            guard part.fileOffset < range.upperBound else { break }
            let place = part.fileOffset..<part.fileOffset + part.size
            let wanted = range.clamped(to: place)
            guard !part.isHole else {
                // As large as the file may be, and not worth any memory.
                result.append(contentsOf: repeatElement(0, count: wanted.count))
                continue
            }
            let bytes = try await chunk(part)
            result +=
                bytes[
                    Int(wanted.lowerBound - place.lowerBound)..<Int(wanted.upperBound - place.lowerBound)]
        }
        return result
    }
}

extension ArraySlice<TableOfContents.Chunk> {
    /// The first of the chunks of a file that ends behind a byte of it: files have thousands, and are read in pieces.
    fileprivate func firstIndex(endingAfter position: Int64) -> Int {
        var range = startIndex..<endIndex
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if self[middle].fileOffset + self[middle].size > position {
                range = range.lowerBound..<middle
            } else {
                range = middle + 1..<range.upperBound
            }
        }
        return range.lowerBound
    }
}
