import Content
import Glibc

/// Where the inflated bytes of a layer go while they are indexed.
package protocol TarSink: AnyObject {
    /// Room for the next bytes, not empty; may wait until there is some.
    func room() throws -> UnsafeMutableRawBufferPointer
    /// Says that the first `count` bytes of the room are filled now.
    func advance(_ count: Int) throws
    /// Bytes that came by; all from the end of the last entry's data on are still there.
    func bytes(in range: Range<Int64>) throws -> [UInt8]
    /// Says that no entry needs the bytes that are still to come.
    func endEntries() throws
}

/// Inflates a layer, hashes it on both sides, and tells its entries one by one.
///
/// One pass over the bytes, on the thread of the caller: entries come as soon as their headers are inflated, long
/// before their data.
package final class TarStream {
    /// The digest and size of the compressed layer, and of the tar in it.
    package struct Summary: Sendable {
        package let blob: Digest
        package let blobSize: Int64
        package let diffID: Digest
        package let tarSize: Int64
    }

    private let input: InflatedInput
    private var reader: ArchiveReader?
    /// Where the reader began.
    private var base: Int64 = 0
    private let limit: Int64
    /// Uncompressed bytes so far, holes of sparse files included.
    private var expanded: Int64 = 0
    /// Where the last entry ends, padding included, and the next header must begin.
    package private(set) var position: Int64 = 0
    private var lastEntry: (name: String, end: Int64)?
    /// Set once `next` has returned `nil`.
    package private(set) var summary: Summary?

    /// Starts reading `source`, the compressed layer, which may still be arriving.
    ///
    /// What the image `expected` to find is compared at the end. `limit` is how many bytes the layer may have
    /// uncompressed. `advanced` is called with the number of compressed bytes of each piece that was read. Throws when
    /// the first bytes are neither a tar nor empty.
    package init(
        _ source: any ByteSource, into sink: any TarSink, expecting expected: LayerIdentity, limit: Int64,
        advanced: @escaping @Sendable (Int) -> Void
    ) throws {
        self.limit = limit
        let input = try InflatedInput(source, into: sink, expecting: expected, limit: limit, advanced: advanced)
        self.input = input
        // libarchive takes a layer of no bytes for an error.
        reader = try input.isEmpty() ? nil : ArchiveReader(input.next)
    }

    /// The next entry, or `nil` when the layer is read to its last byte and is what the image says it is.
    package func next() throws -> TarEntry? {
        let next = try context(lastEntry.map { "after \($0.name.brief)" } ?? "the first entry") { try reader?.next() }
        guard var entry = next else {
            try end()
            return nil
        }
        entry.headerOffset += base
        entry.dataOffset += base
        let name = String(decoding: entry.name, as: UTF8.self)
        return try context(name.isEmpty ? "entry at byte \(entry.headerOffset)" : name.brief) {
            guard entry.headerOffset == position else { throw TarFailure.gap(offset: position) }
            guard entry.storedSize >= 0, entry.size >= 0, entry.dataOffset > entry.headerOffset else {
                throw TarFailure.malformed("expected a size of zero or more, not \(entry.size)")
            }
            guard entry.dataOffset <= input.count else {
                throw TarFailure.truncated(name, wanted: entry.dataOffset, found: input.count)
            }
            let result = try TarEntry(entry, header: input.sink.bytes(in: entry.headerOffset..<entry.dataOffset))
            let storedSize = result.kind.hasData ? entry.storedSize : 0
            let (end, overflow) = entry.dataOffset.addingReportingOverflow(storedSize)
            guard !overflow, end <= Int64.max - 1024 else { throw TarFailure.tooLarge(limit: limit) }
            position = end + end.tarPadding
            lastEntry = (name, end)
            if storedSize != entry.storedSize { try restart() }
            expanded += entry.dataOffset - entry.headerOffset
            let (total, tooLarge) = expanded.addingReportingOverflow(result.size)
            guard !tooLarge, total <= limit else { throw TarFailure.tooLarge(limit: limit) }
            expanded = total
            return result
        }
    }

    /// Lets libarchive begin anew behind the last header: in pax archives it takes the size of a hard link for that of
    /// data, and would skip entries. No reader of images does (Go, Python).
    private func restart() throws {
        let arrived = Replay(try input.sink.bytes(in: position..<input.count))
        base = position
        if arrived.bytes.isEmpty {
            reader = try input.isEmpty() ? nil : ArchiveReader(input.next)
        } else {
            reader = try ArchiveReader { [input] in try arrived.take() ?? input.next() }
        }
    }

    /// Reads what follows the last entry, and compares the whole with what the image says.
    private func end() throws {
        let mark = try input.drain(from: position, to: base + (reader?.position ?? 0))
        if let lastEntry, lastEntry.end > input.count {
            throw TarFailure.truncated(lastEntry.name, wanted: lastEntry.end, found: input.count)
        }
        guard mark != .loneZeroBlock else { throw TarFailure.dataAfterEnd(offset: position) }
        summary = try input.finish()
    }
}

/// Bytes that are read once more.
private final class Replay {
    let bytes: UnsafeMutableRawBufferPointer
    private var isTaken = false

    init(_ bytes: [UInt8]) {
        self.bytes = .allocate(byteCount: bytes.count, alignment: 1)
        self.bytes.copyBytes(from: bytes)
    }

    deinit {
        bytes.deallocate()
    }

    func take() -> UnsafeRawBufferPointer? {
        if isTaken { return nil }
        isTaken = true
        return UnsafeRawBufferPointer(bytes)
    }
}

extension TarEntry.Kind {
    fileprivate var hasData: Bool {
        if case .regular = self { true } else { false }
    }
}
