import Content
import SystemPackage

/// A layer that was inflated to a temporary file, with the entries of its tar.
package struct InflatedLayer: Sendable {
    /// As they stand in the tar, also those that later ones replace.
    package let entries: [TarEntry]
    package let tar: FileSlice

    /// Inflates a layer, which may still be arriving, and checks it to its last byte.
    ///
    /// - Parameters:
    ///   - source: the compressed layer.
    ///   - identity: what the image says of it.
    ///   - limit: how many bytes it may have uncompressed.
    ///   - directory: where the temporary file is made.
    ///   - advanced: called with the number of compressed bytes of each piece that was read.
    /// - Throws: what `TarStream` throws.
    package init(
        _ source: any ByteSource, expecting identity: LayerIdentity, limit: Int64, in directory: FilePath,
        advanced: @escaping @Sendable (Int) -> Void
    ) throws {
        let sink = SpoolSink(try SpoolFile(in: directory))
        let stream = try TarStream(source, into: sink, expecting: identity, limit: limit, advanced: advanced)
        var entries: [TarEntry] = []
        while let entry = try stream.next() { entries.append(entry) }
        self.entries = entries
        tar = sink.spool.slice
    }

    /// Reads the entries of a tar that is in a file already.
    ///
    /// - Parameters:
    ///   - tar: not compressed.
    ///   - digest: of the tar.
    ///   - limit: how many bytes it may have, with sparse files expanded.
    /// - Throws: what `TarStream` throws.
    package init(tar: FileSlice, digest: Digest, limit: Int64) throws {
        let identity = LayerIdentity(digest: digest, size: tar.count, diffID: digest)
        let stream = try TarStream(tar, into: SliceSink(tar), expecting: identity, limit: limit) { _ in }
        var entries: [TarEntry] = []
        while let entry = try stream.next() { entries.append(entry) }
        self.entries = entries
        self.tar = tar
    }

    /// A part of the data of an entry.
    ///
    /// - Parameters:
    ///   - entry: one of this layer's.
    ///   - range: in bytes of the file; must lie within it.
    /// - Returns: exactly the bytes of the range, those of holes zero.
    /// - Throws: when the temporary file cannot be read.
    package func bytes(of entry: TarEntry, in range: Range<Int64>) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            let output = UnsafeMutableRawBufferPointer(buffer)
            output.initializeMemory(as: UInt8.self, repeating: 0)
            var start: Int64 = 0
            for segment in entry.payload {
                let part = range.clamped(to: start..<start + segment.count)
                if !part.isEmpty {
                    let place = Int(part.lowerBound - range.lowerBound)
                    let target = UnsafeMutableRawBufferPointer(rebasing: output[place..<place + part.count])
                    switch segment[part.lowerBound - start..<part.upperBound - start] {
                    case .source(let source): try tar.readAll(at: source.lowerBound, into: target)
                    case .literal(let bytes): target.copyBytes(from: bytes)
                    case .zeros: break
                    }
                }
                start += segment.count
            }
            filled = range.count
        }
    }
}

/// A file that takes the inflated layer.
private final class SpoolSink: TarSink {
    let spool: SpoolFile
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)

    init(_ spool: SpoolFile) {
        self.spool = spool
    }

    deinit {
        block.deallocate()
    }

    func room() -> UnsafeMutableRawBufferPointer { block }

    func advance(_ count: Int) throws {
        try spool.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[..<count]))
    }

    func bytes(in range: Range<Int64>) throws -> [UInt8] {
        try FileSlice(spool.file, range).bytes()
    }

    func endEntries() {}
}

/// Lets a tar pass that is in a file already.
private final class SliceSink: TarSink {
    private let tar: FileSlice
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)

    init(_ tar: FileSlice) {
        self.tar = tar
    }

    deinit {
        block.deallocate()
    }

    func room() -> UnsafeMutableRawBufferPointer { block }
    func advance(_ count: Int) {}
    func bytes(in range: Range<Int64>) throws -> [UInt8] { try tar.bytes(in: range) }
    func endEntries() {}
}
