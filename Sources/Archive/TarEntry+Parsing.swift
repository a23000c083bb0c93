import Content
import Glibc

extension TarEntry {
    /// Puts together what libarchive says and what the raw header blocks say.
    ///
    /// - Throws: `LayerObstacle` for names that are not UTF-8; `TarFailure` for types that no image may hold.
    init(_ entry: ArchiveEntry, header bytes: [UInt8]) throws {
        let header = try TarHeader(bytes)
        var entry = entry
        try entry.takeNames(from: header.records)
        guard entry.name.count <= EntryPath.lengthLimit else { throw TarFailure.nameTooLong(entry.name.count) }
        let name = try Self.utf8(entry.name, of: entry.name)
        let start = entry.headerOffset
        self.init(
            name: name, kind: try Self.kind(of: entry, header: header, name: name),
            header: .source(start + Int64(header.kept.lowerBound)..<start + Int64(header.kept.upperBound)))
        mode = entry.mode
        // Names of owners are for people; one that is no text is no loss.
        user = Owner(id: entry.userID, name: String(validating: entry.userName, as: UTF8.self) ?? "")
        group = Owner(id: entry.groupID, name: String(validating: entry.groupName, as: UTF8.self) ?? "")
        modified = Time(seconds: entry.seconds)
        try apply(header.records)

        let isSparse = header.type == UInt8(ascii: "S") || header.records.contains { $0.key.hasPrefix("GNU.sparse.") }
        // libarchive passes over parts of a map that make no sense; their data would be lost.
        guard !isSparse || entry.storedSize == header.packedSize else { throw TarFailure.badSparseMap(name) }
        payload = try Self.payload(of: entry, size: size, name: name)
        if isSparse || header.isInterrupted || !header.rest.isEmpty || Self.isRewritten(header, size: size) {
            self.header = .literal(encodedHeader())
        }
    }

    private static func utf8(_ bytes: [UInt8], of name: [UInt8]) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw LayerObstacle.notUTF8(String(decoding: name, as: UTF8.self))
        }
        return text
    }

    private static func kind(of entry: ArchiveEntry, header: TarHeader, name: String) throws -> Kind {
        let flag = Character(Unicode.Scalar(header.type))
        if let target = entry.hardlink, flag == "1" { return .hardlink(target: try utf8(target, of: entry.name)) }
        switch (flag, entry.type) {
        // libarchive takes any file with a final slash for a directory; the readers of images (Go) only those of V7,
        // which has no type for directories.
        case ("0", S_IFDIR):
            // It is not told where the data ends.
            guard header.size == 0, entry.size == 0 else { throw TarFailure.slashBehindData(name) }
            return .regular(size: 0)
        case ("0", S_IFREG), ("\0", S_IFREG), ("7", S_IFREG), ("S", S_IFREG): return .regular(size: entry.size)
        case ("5", S_IFDIR), ("\0", S_IFDIR): return .directory
        case ("2", S_IFLNK): return .symlink(target: try utf8(entry.symlink ?? [], of: entry.name))
        case ("3", S_IFCHR): return .characterDevice(major: entry.deviceMajor, minor: entry.deviceMinor)
        case ("4", S_IFBLK): return .blockDevice(major: entry.deviceMajor, minor: entry.deviceMinor)
        case ("6", S_IFIFO): return .fifo
        default:
            let shown = (0x21...0x7e).contains(header.type) ? String(flag) : "\\\(header.type)"
            throw TarFailure.unsupportedType(shown, name: name)
        }
    }

    /// Contiguous files become plain ones, and only plain files may have a size, since some readers take it at its
    /// word and skip what follows.
    private static func isRewritten(_ header: TarHeader, size: Int64) -> Bool {
        let flag = Character(Unicode.Scalar(header.type))
        let isLinkOrDirectory = flag != "0" && flag != "\0"
        return flag == "7" || (isLinkOrDirectory && header.size != 0)
            || (isLinkOrDirectory && header.records.contains { $0.key == "size" && $0.value != [0x30] })
            || (!isLinkOrDirectory && size == 0 && header.size != 0)
    }

    private mutating func apply(_ records: [Record]) throws {
        for record in records {
            switch record.key {
            case "path", "linkpath", "size", "uid", "gid", "uname", "gname", "hdrcharset": break
            case "mtime":
                if let time = Time(paxText: String(decoding: record.value, as: UTF8.self)) { modified = time }
            case let key where key.hasPrefix("GNU.sparse.") || key.hasPrefix("SCHILY.dev"): break
            case let key where key.hasPrefix("SCHILY.xattr."):
                let attribute = String(key.dropFirst("SCHILY.xattr.".count))
                extendedAttributes.removeAll { $0.name.isSameText(as: attribute) }
                extendedAttributes.append(ExtendedAttribute(name: attribute, value: record.value))
            default: self.records.append(record)
            }
        }
    }

    /// The data with its holes expanded: the consumers of eStargz know no sparse files.
    private static func payload(of entry: ArchiveEntry, size: Int64, name: String) throws -> [Segment] {
        guard size > 0 else { return [] }
        let (end, overflow) = entry.dataOffset.addingReportingOverflow(max(size, entry.storedSize))
        guard !overflow else { throw TarFailure.truncated(name, wanted: size, found: 0) }
        guard let regions = entry.regions else { return [.source(entry.dataOffset..<end)] }
        var payload: [Segment] = []
        var (position, stored) = (Int64(0), entry.dataOffset)
        for region in regions {
            guard region.lowerBound >= position, region.upperBound <= size else {
                throw TarFailure.badSparseMap(name)
            }
            if region.lowerBound > position { payload.append(.zeros(region.lowerBound - position)) }
            if !region.isEmpty { payload.append(.source(stored..<stored + Int64(region.count))) }
            stored += Int64(region.count)
            position = region.upperBound
        }
        if position < size { payload.append(.zeros(size - position)) }
        return payload
    }
}

extension ArchiveEntry {
    /// Takes names from pax records as they stand there: libarchive composes accents, which gives another file.
    fileprivate mutating func takeNames(from records: [TarEntry.Record]) throws {
        for record in records {
            guard ["path", "GNU.sparse.name", "linkpath"].contains(record.key) else { continue }
            guard !record.value.isEmpty, !record.value.contains(0) else {
                throw TarFailure.badRecord("expected a name in '\(record.key)'")
            }
            switch record.key {
            case "linkpath" where hardlink != nil: hardlink = record.value
            case "linkpath": symlink = symlink.map { _ in record.value }
            // The name of a sparse file, whose `path` is made up.
            case "path" where records.contains { $0.key == "GNU.sparse.name" }: break
            default: name = record.value
            }
        }
    }
}
