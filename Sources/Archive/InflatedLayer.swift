import Content
import SystemPackage

/// A layer that was inflated to a temporary file, with the entries of its tar.
package struct InflatedLayer: Sendable {
    /// As they stand in the tar, also those that later ones replace.
    package let entries: [TarEntry]
    package let tar: FileSlice
    private let segmentStarts: [Int: [Int64]]

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
        segmentStarts = Self.segmentStarts(of: entries)
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
        segmentStarts = Self.segmentStarts(of: entries)
        self.tar = tar
    }

    /// A part of the data of an entry.
    ///
    /// - Parameters:
    ///   - position: of the entry in this layer.
    ///   - range: in bytes of the file; must lie within it.
    /// - Returns: exactly the bytes of the range, those of holes zero.
    /// - Throws: when the temporary file cannot be read.
    package func bytes(of position: Int, in range: Range<Int64>) throws -> [UInt8] {
        let payload = entries[position].payload
        return try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            let output = UnsafeMutableRawBufferPointer(buffer)
            output.initializeMemory(as: UInt8.self, repeating: 0)
            var (number, start) = firstSegment(of: position, endingBehind: range.lowerBound)
            while number < payload.count, start < range.upperBound {
                let segment = payload[number]
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
                number += 1
            }
            filled = range.count
        }
    }

    /// The first segment of an entry that ends behind a byte of its data, and where it starts; that of few is the first.
    private func firstSegment(of position: Int, endingBehind offset: Int64) -> (number: Int, start: Int64) {
        guard let starts = segmentStarts[position] else { return (0, 0) }
        var range = starts.indices
        // The last that starts at the offset or before.
        while range.count > 1 {
            let middle = range.lowerBound + range.count / 2
            range = starts[middle] <= offset ? middle..<range.upperBound : range.lowerBound..<middle
        }
        return (range.lowerBound, starts[range.lowerBound])
    }

    /// Where the segments of files with many holes start, by the position of their entries: such files are read piece by
    /// piece.
    private static func segmentStarts(of entries: [TarEntry]) -> [Int: [Int64]] {
        var all: [Int: [Int64]] = [:]
        for (position, entry) in entries.enumerated() where entry.payload.count > 64 {
            var start: Int64 = 0
            all[position] = entry.payload.map { segment in
                defer { start += segment.count }
                return start
            }
        }
        return all
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
