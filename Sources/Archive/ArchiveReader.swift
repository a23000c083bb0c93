import CArchive
import Content
import Glibc

/// What libarchive says of one entry.
struct ArchiveEntry {
    /// Where the first header block begins, pax and long-name records included.
    var headerOffset: Int64
    /// Where the data begins.
    var dataOffset: Int64
    /// How many bytes of the tar hold data; for a sparse file fewer than its size.
    var storedSize: Int64
    var name: [UInt8]
    var type: mode_t
    var hardlink: [UInt8]?
    var symlink: [UInt8]?
    var size: Int64
    var mode: Int64
    var userID: Int64
    var groupID: Int64
    var userName: [UInt8]
    var groupName: [UInt8]
    var seconds: Int64
    var deviceMajor: Int64
    var deviceMinor: Int64
    /// The data regions of a sparse file in order; `nil` for an ordinary one.
    var regions: [Range<Int64>]?
}

/// Parses tar headers with libarchive, which never sees a file: its bytes come from a closure.
final class ArchiveReader {
    private let handle: OpaquePointer
    /// Owned here, kept alive for libarchive's callback.
    private let input: Input

    private final class Input {
        let next: () throws -> UnsafeRawBufferPointer
        let skip: (Int64) -> Int64
        var failure: (any Error)?

        init(_ next: @escaping () throws -> UnsafeRawBufferPointer, skip: @escaping (Int64) -> Int64) {
            self.next = next
            self.skip = skip
        }
    }

    /// libarchive turns pax names into the encoding of the locale; with UTF-8 they stay what they are.
    private static let locale: Void = {
        setlocale(LC_CTYPE, "C.UTF-8")
    }()

    /// Opens the archive; reads its first block.
    ///
    /// `next` returns the next piece, empty at the end; each piece must stay in place until the next call. `skip` passes
    /// over up to so many bytes that nobody needs, and returns how many those were.
    init(
        _ next: @escaping () throws -> UnsafeRawBufferPointer, skip: @escaping (Int64) -> Int64 = { _ in 0 }
    ) throws {
        _ = Self.locale
        guard let handle = archive_read_new() else { throw TarFailure.noMemory }
        self.handle = handle
        input = Input(next, skip: skip)
        // One named format and no filter: the others would start programs or guess.
        try check(archive_read_support_format_tar(handle))
        try check(
            archive_read_open2(
                handle, Unmanaged.passUnretained(input).toOpaque(), nil,
                { _, context, bytes in
                    guard let context, let bytes else { return -1 }
                    let input = Unmanaged<Input>.fromOpaque(context).takeUnretainedValue()
                    do {
                        let piece = try input.next()
                        bytes.pointee = piece.baseAddress
                        forgetErrorNumber()
                        return piece.count
                    } catch {
                        input.failure = error
                        return -1
                    }
                },
                { _, context, count in
                    guard let context else { return 0 }
                    return Unmanaged<Input>.fromOpaque(context).takeUnretainedValue().skip(count)
                }, nil))
    }

    deinit {
        archive_read_free(handle)
    }

    /// How many bytes the archive took; at its end with the zero blocks that mark it.
    var position: Int64 { archive_filter_bytes(handle, 0) }

    /// The next entry, or `nil` at the end of the archive.
    func next() throws -> ArchiveEntry? {
        var entry: OpaquePointer?
        forgetErrorNumber()
        let status = archive_read_next_header(handle, &entry)
        if status == ARCHIVE_EOF, input.failure == nil { return nil }
        try check(status)
        guard let entry else { throw TarFailure.noMemory }
        let regions = regions(of: entry)
        return ArchiveEntry(
            headerOffset: archive_read_header_position(handle),
            dataOffset: position,
            storedSize: regions.map(Self.sum) ?? archive_entry_size(entry),
            name: bytes(archive_entry_pathname(entry)) ?? [],
            type: archive_entry_filetype(entry),
            hardlink: bytes(archive_entry_hardlink(entry)),
            symlink: bytes(archive_entry_symlink(entry)),
            size: archive_entry_size(entry),
            mode: Int64(archive_entry_perm(entry)),
            userID: archive_entry_uid(entry),
            groupID: archive_entry_gid(entry),
            userName: bytes(archive_entry_uname(entry)) ?? [],
            groupName: bytes(archive_entry_gname(entry)) ?? [],
            seconds: Int64(archive_entry_mtime(entry)),
            // Headers can say any number of 64 bits.
            deviceMajor: Int64(clamping: archive_entry_rdevmajor(entry)),
            deviceMinor: Int64(clamping: archive_entry_rdevminor(entry)),
            regions: regions)
    }

    private func regions(of entry: OpaquePointer) -> [Range<Int64>]? {
        guard archive_entry_sparse_reset(entry) > 0 else { return nil }
        var regions: [Range<Int64>] = []
        var (offset, length) = (Int64(0), Int64(0))
        while archive_entry_sparse_next(entry, &offset, &length) == ARCHIVE_OK {
            let (end, overflow) = offset.addingReportingOverflow(length)
            guard offset >= 0, length >= 0, !overflow else { return nil }
            regions.append(offset..<end)
        }
        return regions
    }

    /// How long regions are together; maps may claim more than there are numbers for.
    private static func sum(_ regions: [Range<Int64>]) -> Int64 {
        regions.reduce(0) { sum, region in
            let (total, overflow) = sum.addingReportingOverflow(Int64(region.count))
            return overflow ? .max : total
        }
    }

    private func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
        text.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
    }

    /// Warnings are about names that are not UTF-8, which come with the right bytes all the same.
    private func check(_ status: Int32) throws {
        if let failure = input.failure { throw failure }
        guard status == ARCHIVE_OK || status == ARCHIVE_WARN else {
            throw TarFailure.malformed(archive_error_string(handle).map { String(cString: $0) } ?? "error \(status)")
        }
    }
}

/// libarchive takes a name that it cannot convert for want of memory if `errno` says so, whoever has left it there.
private func forgetErrorNumber() {
    errno = 0
}
