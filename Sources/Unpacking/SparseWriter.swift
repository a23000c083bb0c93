import Archive
import Glibc
import SystemPackage

/// Fills a new file, and leaves holes where the contents are zero.
struct SparseWriter {
    /// What is read at a time.
    private static let pieceSize: Int64 = 1 << 20
    /// Zeros shorter than this are written.
    private static let holeSize = 64 << 10

    private let file: FileDescriptor
    private let contents: any FileContents
    private let place: MergedTree.Place

    init(_ file: FileDescriptor, _ contents: any FileContents, _ place: MergedTree.Place) {
        self.file = file
        self.contents = contents
        self.place = place
    }

    /// - Throws: `Errno` when the file cannot be written, and what the contents throw.
    func write(_ entry: TarEntry) async throws {
        guard ftruncate(file.rawValue, off_t(entry.size)) == 0 else {
            // Some file systems say so of a size that they do not take.
            let error = Errno(rawValue: errno)
            throw error == .invalidArgument ? .fileTooLarge : error
        }
        for range in Self.extents(of: entry) {
            var start = range.lowerBound
            while start < range.upperBound {
                try Task.checkCancellation()
                let end = start + min(Self.pieceSize, range.upperBound - start)
                try write(try await contents.bytes(of: place, in: start..<end), at: start)
                start = end
            }
        }
    }

    /// The parts that are not known to be holes. Entries that come from a table of contents do not tell of any.
    private static func extents(of entry: TarEntry) -> [Range<Int64>] {
        var extents: [Range<Int64>] = []
        var start: Int64 = 0
        for segment in entry.payload {
            let end = start + segment.count
            if case .zeros = segment {} else { extents.append(start..<end) }
            start = end
        }
        return start == entry.size ? extents : [0..<entry.size]
    }

    private func write(_ bytes: [UInt8], at offset: Int64) throws {
        try bytes.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let block = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + Self.holeSize, bytes.count)])
                if !block.allSatisfy({ $0 == 0 }) {
                    try file.writeAll(toAbsoluteOffset: offset + Int64(start), block)
                }
                start += block.count
            }
        }
    }
}
