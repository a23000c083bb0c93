import Content

/// The inflated bytes of a layer, piece by piece, on their way into a sink.
final class InflatedInput {
    /// What stands where the archive must end.
    enum EndMark {
        case proper
        /// libarchive would silently lose what follows.
        case loneZeroBlock
    }

    let sink: any TarSink
    private let source: any ByteSource
    private let expected: LayerIdentity
    private let limit: Int64
    private let advanced: @Sendable (Int) -> Void
    private let inflater: any Inflater
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    /// What is left of `block`.
    private var pending: UnsafeRawBufferPointer
    private var blobHasher: Hasher
    private var diffHasher: Hasher
    private var isSourceDone = false
    private var isPadded = false
    private var firstPiece: UnsafeRawBufferPointer?
    /// How many bytes have been inflated.
    private(set) var count: Int64 = 0

    init(
        _ source: any ByteSource, into sink: any TarSink, expecting expected: LayerIdentity, limit: Int64,
        advanced: @escaping @Sendable (Int) -> Void
    ) throws {
        self.source = source
        self.sink = sink
        self.expected = expected
        self.limit = limit
        self.advanced = advanced
        blobHasher = Hasher(expected.digest.algorithm)
        diffHasher = Hasher(expected.diffID.algorithm)
        var filled = 0
        // A first read may be short while the blob is still arriving.
        while filled < Compression.magicCount {
            let count = try source.read(
                at: Int64(filled), into: UnsafeMutableRawBufferPointer(rebasing: block[filled...]))
            if count == 0 { break }
            filled += count
        }
        pending = UnsafeRawBufferPointer(rebasing: block[..<filled])
        blobHasher.update(pending)
        advanced(filled)
        inflater = try Compression(sniffing: pending).makeInflater()
    }

    deinit {
        block.deallocate()
    }

    /// Whether there is no byte at all.
    func isEmpty() throws -> Bool {
        let piece = try next()
        firstPiece = piece
        return piece.isEmpty
    }

    /// The next piece, in place until the next call; empty at the end.
    func next() throws -> UnsafeRawBufferPointer {
        if let piece = firstPiece {
            firstPiece = nil
            return piece
        }
        let room = try sink.room()
        var made = try inflater.inflate(&pending, into: room)
        while made == 0, !isSourceDone {
            if pending.isEmpty { try readBlock() }
            made = try inflater.inflate(&pending, into: room)
        }
        guard made > 0 else { return try padding(room) }
        let piece = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<made])
        diffHasher.update(piece)
        count += Int64(made)
        guard count <= limit else { throw TarFailure.tooLarge(limit: limit) }
        try sink.advance(made)
        return piece
    }

    private func readBlock() throws {
        let filled = try source.read(at: blobHasher.count, into: block)
        pending = UnsafeRawBufferPointer(rebasing: block[..<filled])
        guard filled > 0 else {
            isSourceDone = true
            return
        }
        blobHasher.update(pending)
        guard blobHasher.count <= expected.size else {
            throw LayerIdentityFailure.size(expected: expected.size, actual: blobHasher.count)
        }
        advanced(filled)
    }

    /// Tars without their final padding are read by the consumers of images, but not by libarchive.
    private func padding(_ room: UnsafeMutableRawBufferPointer) throws -> UnsafeRawBufferPointer {
        let missing = min(Int(count.tarPadding), room.count)
        guard !isPadded, missing > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        isPadded = true
        let padding = UnsafeMutableRawBufferPointer(rebasing: room[..<missing])
        padding.initializeMemory(as: UInt8.self, repeating: 0)
        return UnsafeRawBufferPointer(padding)
    }

    /// Inflates to the last byte, and looks at the end of the archive.
    ///
    /// The last entry ends at `position`. From there libarchive took all up to `end`: blocks of no entry, and the zero
    /// blocks that mark the end, of which there should be two; a block after a first one that is not zero it leaves.
    func drain(from position: Int64, to end: Int64) throws -> EndMark {
        let end = max(position, end)
        let start = max(position, end - 1024)
        let taken = Int(end - start)
        var blocks = try count > start ? sink.bytes(in: start..<min(count, end + 512)) : []
        try sink.endEntries()
        while true {
            let before = count
            let piece = try next()
            guard !piece.isEmpty else { break }
            let wanted = start + Int64(blocks.count) - before
            if blocks.count < taken + 512, wanted >= 0, wanted < Int64(piece.count), before + wanted < count {
                blocks += piece[Int(wanted)...].prefix(taken + 512 - blocks.count)
            }
        }
        let hasTwo = taken == 1024 && blocks.prefix(taken).allSatisfy { $0 == 0 }
        return hasTwo || blocks.dropFirst(taken).allSatisfy { $0 == 0 } ? .proper : .loneZeroBlock
    }

    /// Compares the layer with what the image says of it.
    func finish() throws -> TarStream.Summary {
        try inflater.finish()
        // The inflater may have stopped before the end of the blob; what is left counts for its digest.
        while !isSourceDone { try readBlock() }
        guard blobHasher.count == expected.size else {
            throw LayerIdentityFailure.size(expected: expected.size, actual: blobHasher.count)
        }
        let (blob, diffID) = (blobHasher.finalize(), diffHasher.finalize())
        guard blob == expected.digest else { throw DigestFailure.mismatch(expected: expected.digest, actual: blob) }
        guard diffID == expected.diffID else {
            throw LayerIdentityFailure.diffID(expected: expected.diffID, actual: diffID)
        }
        return TarStream.Summary(blob: blob, blobSize: blobHasher.count, diffID: diffID, tarSize: diffHasher.count)
    }
}
