import Content
import Glibc

/// Where the members of an uncompressed tar file are; nothing is copied or unpacked.
package struct TarIndex: Sendable {
    /// What a name stands for.
    package enum Member: Hashable, Sendable {
        case file(Range<Int64>)
        /// The name of another member.
        case link(EntryPath)
        /// A link that leads out of the archive.
        case escapingLink(String)
    }

    /// No archive of images comes near: each layer takes three members at most.
    package static let memberLimit = 100_000
    /// Links to links to links are not made by anybody.
    private static let linkLimit = 16
    /// Members with longer names are passed over: they are none of an image, and names take memory.
    private static let nameLimit = 512

    /// By clean names; directories and devices are left out. Of members with the same name the last one counts.
    package let members: [EntryPath: Member]
    /// The name of some file, to tell what kind of archive this is.
    package let firstName: String?
    private let file: FileSlice

    /// Reads all headers of a tar.
    ///
    /// - Throws: when it is malformed, too large, or has a name that leads out of it.
    package init(of file: FileSlice, checking isCancelled: () throws -> Void = {}) throws {
        self.file = file
        var members: [EntryPath: Member] = [:]
        var first: String?
        let input = SliceInput(file)
        let reader = try ArchiveReader(input.next, skip: input.skip)
        var count = 0
        while let entry = try reader.next() {
            try isCancelled()
            count += 1
            guard count <= Self.memberLimit else { throw TarIndexFailure.tooManyMembers }
            guard entry.name.count <= Self.nameLimit, (entry.symlink?.count ?? 0) <= Self.nameLimit else { continue }
            let name = String(decoding: entry.name, as: UTF8.self)
            let path = try Self.path(of: entry.name)
            guard let member = try Self.member(entry, at: path, name: name, within: file.count) else {
                members[path] = nil
                continue
            }
            members[path] = member
            if first == nil { first = name }
        }
        self.members = members
        firstName = first
    }

    /// The content of a file, found through links within the archive; `nil` when there is none of that name.
    ///
    /// - Throws: when the name or a link leads out of the archive, or in a circle.
    package func open(_ name: String) throws -> FileSlice? {
        var path = try Self.path(of: Array(name.utf8))
        for _ in 0..<Self.linkLimit {
            switch members[path] {
            case nil: return nil
            case .file(let range):
                return FileSlice(
                    file.file, file.range.lowerBound + range.lowerBound..<file.range.lowerBound + range.upperBound)
            case .link(let target): path = target
            case .escapingLink(let target): throw TarIndexFailure.escapingLink("\(path)", target: target)
            }
        }
        throw TarIndexFailure.linkLoop("\(path)")
    }

    /// Whether a block of 512 bytes is a header of some tar: its checksum is right.
    package static func isHeader(_ block: [UInt8]) -> Bool {
        guard block.count == 512 else { return false }
        let digits = block[148..<156].drop { $0 == 0x20 }.prefix { (0x30...0x37).contains($0) }
        let stated = digits.reduce(0) { $0 << 3 | Int($1 - 0x30) }
        // The checksum counts itself as spaces. Some old programs took bytes for signed numbers.
        let others = block[..<148] + block[156...]
        let unsigned = others.reduce(8 * 0x20) { $0 + Int($1) }
        return !digits.isEmpty
            && (stated == unsigned || stated == others.reduce(8 * 0x20) { $0 + Int(Int8(bitPattern: $1)) })
    }

    private static func path(of name: [UInt8]) throws -> EntryPath {
        guard name.first != UInt8(ascii: "/"), !name.split(separator: UInt8(ascii: "/")).contains(Array("..".utf8)[...])
        else { throw TarIndexFailure.escapingName(String(decoding: name, as: UTF8.self)) }
        return EntryPath(cleaning: name)
    }

    private static func member(
        _ entry: ArchiveEntry, at path: EntryPath, name: String, within limit: Int64
    ) throws -> Member? {
        if let target = entry.hardlink { return link(to: target, from: []) }
        switch entry.type {
        case S_IFLNK: return link(to: entry.symlink ?? [], from: path.parent?.bytes ?? [])
        case S_IFREG:
            guard entry.regions == nil else { throw TarIndexFailure.sparse(name) }
            let (end, overflow) = entry.dataOffset.addingReportingOverflow(entry.size)
            guard entry.size >= 0, entry.dataOffset >= 0, !overflow, end <= limit else {
                throw TarFailure.truncated(name, wanted: entry.size, found: max(0, limit - entry.dataOffset))
            }
            return .file(entry.dataOffset..<end)
        default: return nil
        }
    }

    /// The member that a link leads to from a directory; one more `..` than there are directories leads out.
    private static func link(to target: [UInt8], from directory: [UInt8]) -> Member {
        let slash = UInt8(ascii: "/")
        var parts = directory.split(separator: slash)
        guard target.first != slash else { return .escapingLink(String(decoding: target, as: UTF8.self)) }
        for part in target.split(separator: slash) where !part.elementsEqual(".".utf8) {
            if !part.elementsEqual("..".utf8) {
                parts.append(part)
            } else if parts.popLast() == nil {
                return .escapingLink(String(decoding: target, as: UTF8.self))
            }
        }
        return .link(EntryPath(cleaning: Array(parts.joined(separator: [slash]))))
    }
}

/// Feeds a file to libarchive, which skips what lies between headers.
private final class SliceInput {
    private let file: FileSlice
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 10, alignment: 64)
    private var position: Int64 = 0

    init(_ file: FileSlice) {
        self.file = file
    }

    deinit {
        block.deallocate()
    }

    func next() throws -> UnsafeRawBufferPointer {
        let count = try file.read(at: position, into: block)
        position += Int64(count)
        return UnsafeRawBufferPointer(rebasing: block[..<count])
    }

    func skip(_ count: Int64) -> Int64 {
        let skipped = max(0, min(count, file.count - position))
        position += skipped
        return skipped
    }
}

package enum TarIndexFailure: Failure {
    case tooManyMembers
    case escapingName(String)
    case escapingLink(String, target: String)
    case linkLoop(String)
    case sparse(String)

    package var kind: FailureKind {
        switch self {
        case .sparse: .unsupported
        default: .invalid
        }
    }

    package var description: String {
        switch self {
        case .tooManyMembers:
            "expected an archive of images with at most \(TarIndex.memberLimit) members, but there are more"
        case .escapingName(let name): "refusing the member '\(name.shown)', whose name leads out of the archive"
        case .escapingLink(let name, let target):
            "refusing the link '\(name.shown)' to '\(target.shown)', which leads out of the archive"
        case .linkLoop(let name): "the link '\(name.shown)' leads to itself, or through too many others"
        case .sparse(let name): "the member '\(name.shown)' is a sparse file; write the archive without holes"
        }
    }
}

extension String {
    /// Text of others, short and without control characters.
    fileprivate var shown: String { prefix(200).printable }
}
