import Archive
import Content

/// Puts compressed members together to a blob, in order, and hashes what comes by.
struct LayerAssembler {
    private let blob: SpoolFile
    private var blobHasher = Hasher()
    private var diffHasher = Hasher()
    private var toc: TOCWriter
    private var file: OpenFileEntry?
    /// Where the landmark's data begins, behind all that is to be prefetched.
    private var prefetchSize: Int64 = 0

    /// The entry whose data is passing by.
    private struct OpenFileEntry {
        let entry: TarEntry
        var chunks: [TOCWriter.Chunk] = []
        /// Hashes the whole file; idle while it has one chunk, whose digest is that of the file.
        var hasher: Hasher?
    }

    init(_ blob: SpoolFile, chunkSize: Int64) {
        self.blob = blob
        toc = TOCWriter(chunkSize: chunkSize)
    }

    /// Appends members, and learns where they came to stand.
    mutating func append(_ batch: CompressedBatch) throws {
        var offset = blobHasher.count
        var uncompressed = batch.uncompressed.bytes
        for member in batch.members {
            let bytes = UnsafeRawBufferPointer(rebasing: uncompressed[..<member.count])
            for item in member.items {
                switch item {
                case .entry(let entry):
                    closeFile()
                    file = OpenFileEntry(entry: entry)
                case .chunk(let start, let size):
                    add(chunkAt: start, size: size, blobOffset: offset, bytes: bytes, digest: member.chunkDigest)
                }
            }
            offset += Int64(member.compressedCount)
            uncompressed = UnsafeRawBufferPointer(rebasing: uncompressed[member.count...])
        }
        diffHasher.update(batch.uncompressed.bytes)
        try write(batch.compressed.bytes)
    }

    private mutating func add(
        chunkAt start: Int64, size: Int64, blobOffset: Int64, bytes: UnsafeRawBufferPointer, digest: Digest?
    ) {
        guard let digest else { return }
        if file?.entry.path == SpecialEntry.prefetchLandmark.path { prefetchSize = blobOffset }
        file?.chunks.append(TOCWriter.Chunk(offset: start, size: size, blobOffset: blobOffset, digest: digest))
        guard let whole = file?.entry.size, size < whole else { return }
        if file?.hasher == nil { file?.hasher = Hasher() }
        file?.hasher?.update(UnsafeRawBufferPointer(rebasing: bytes[..<Int(size)]))
    }

    private mutating func closeFile() {
        guard let file else { return }
        var digest: Digest?
        if case .regular = file.entry.kind {
            digest = file.hasher?.finalize() ?? file.chunks.first?.digest ?? Hasher().finalize()
        }
        toc.add(file.entry, digest: digest, chunks: file.chunks)
        self.file = nil
    }

    /// Appends the table of contents, the end of the archive and the footer.
    consuming func finish(with compressor: GzipCompressor) throws -> BuiltLayer {
        closeFile()
        let tocOffset = blobHasher.count
        let json = toc.finish()
        let count = Int64(json.count)
        let tail =
            SpecialEntry.tocHeader(size: count) + json + [UInt8](repeating: 0, count: Int(count.tarPadding) + 1024)
        let member = try [UInt8](unsafeUninitializedCapacity: compressor.bound(tail.count)) { buffer, filled in
            filled = try tail.withUnsafeBytes {
                try compressor.compress($0, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
        tail.withUnsafeBytes { diffHasher.update($0) }
        try (member + Footer(tocOffset: tocOffset).bytes).withUnsafeBytes { try write($0) }
        blob.finish()
        return BuiltLayer(
            blob: blob.slice, digest: blobHasher.finalize(), diffID: diffHasher.finalize(),
            uncompressedSize: diffHasher.count, tocDigest: Digest(of: json),
            prefetchSize: prefetchSize)
    }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        blobHasher.update(bytes)
        try blob.append(bytes)
    }
}
