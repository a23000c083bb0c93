import Archive
import Content

/// Takes the records of a table of contents one by one, and notes what is wrong in them.
struct TOCBuilder {
    private let format: LayerFormat
    /// Where the data of the layer ends, in bytes of the blob.
    private let dataEnd: Int64
    private var table = TableOfContents()
    private var userNames: [Int64: String] = [:]
    private var groupNames: [Int64: String] = [:]
    /// Entries and attributes.
    private var count = 0
    private var recordCount = 0
    private var lastPath: [UInt8] = []
    /// Bytes of the paths of directories that entries lie in, each counted about once where entries follow the tree.
    private var directoryBytes = 0

    init(_ format: LayerFormat, dataEnd: Int64) {
        self.format = format
        self.dataEnd = dataEnd
    }

    mutating func add(_ record: TOCRecord) throws {
        // Each attribute takes as much memory as an entry.
        count += 1 + record.attributes.count
        recordCount += 1
        guard count <= TableOfContents.entryLimit else {
            throw LayerReadFailure.tooManyEntries(limit: TableOfContents.entryLimit)
        }
        guard let name = record.name else { throw LayerReadFailure.malformedTOC("entry \(recordCount) has no name") }
        guard !record.isTooLong else {
            closeFile()
            return find(
                .paths, "", at: record.offset > 0 ? record.offset : nil,
                "entry \(recordCount) is left out: expected names of at most \(EntryPath.lengthLimit) bytes")
        }
        if record.type == "chunk" { return addChunk(record, name) }
        closeFile()
        guard let kind = record.kind else {
            return find(.toc, name, "no reader knows the type '\(record.type.prefix(40).printable)'")
        }
        var entry = TarEntry(name: name, kind: kind, header: .literal([]))
        try count(directoriesOf: entry.path)
        if format == .estargz || format == .stargz, entry.path == SpecialEntry.tableOfContents.path {
            find(.paths, name, "the table of contents itself has this name")
        }
        fill(&entry, from: record)
        check(record, name, kind)
        table.entries.append(entry)
        table.firstChunks.append(table.chunks.count)
        table.digests.append(digest(record.digest, .fileDigest, of: record, name))
        if case .regular(let size) = kind {
            if record.digest.isEmpty, format != .stargz, size > 0 {
                find(.fileDigest, name, "the file has no digest")
            }
            if size > 0 { append(record, name) }
        }
    }

    /// The whole table.
    consuming func finish() -> TableOfContents {
        closeFile()
        var seen: Int64 = -1
        for chunk in table.chunks where !chunk.isHole {
            // Offsets out of order are told of; lookups need order all the same.
            if chunk.offset < seen {
                table.memberOffsets = Set(table.memberOffsets).union(
                    table.chunks.lazy.filter { !$0.isHole }.map(\.offset)
                ).sorted()
                break
            }
            if chunk.offset > seen { table.memberOffsets.append(chunk.offset) }
            seen = chunk.offset
        }
        return table
    }

    /// Directories need no entry, so that a short name can stand for very many long ones.
    private mutating func count(directoriesOf path: EntryPath) throws {
        let shared = zip(path.bytes, lastPath).prefix { $0 == $1 }.count
        for index in path.bytes.indices.dropFirst(shared) where path.bytes[index] == UInt8(ascii: "/") {
            directoryBytes += index
        }
        guard directoryBytes <= TableOfContents.directoryLimit else {
            throw LayerReadFailure.pathsTooDeep(limit: TableOfContents.directoryLimit)
        }
        lastPath = path.bytes
    }

    private mutating func fill(_ entry: inout TarEntry, from record: TOCRecord) {
        // Some tars put the type of the file above the mode.
        entry.mode = record.mode & 0o7777
        entry.user = Self.owner(record.userID, record.userName, &userNames)
        entry.group = Self.owner(record.groupID, record.groupName, &groupNames)
        if let text = record.modified {
            if let time = TarEntry.Time(rfc3339: text) {
                entry.modified = time
            } else {
                find(.toc, entry.name, "'\(text.prefix(60).printable)' is no time of RFC 3339")
            }
        }
        for attribute in record.attributes {
            if let value = Base64.bytes(of: attribute.value, isPadded: true) {
                entry.extendedAttributes.append(TarEntry.ExtendedAttribute(name: attribute.name, value: value))
            } else {
                let text = "the value of xattr '\(attribute.name.prefix(100).printable)' is no Base64"
                refuse(.toc, entry.name, text)
            }
        }
    }

    /// A missing name is the last one that was seen for the number.
    private static func owner(_ id: Int64, _ name: String, _ names: inout [Int64: String]) -> TarEntry.Owner {
        if !name.isEmpty { names[id] = name }
        return TarEntry.Owner(id: id, name: name.isEmpty ? names[id] ?? "" : name)
    }

    private mutating func checkNumbers(_ record: TOCRecord, _ name: String) {
        for (field, value) in [
            ("size", record.size), ("mode", record.mode), ("uid", record.userID), ("gid", record.groupID),
            ("offset", record.offset), ("innerOffset", record.innerOffset), ("devMajor", record.deviceMajor),
            ("devMinor", record.deviceMinor), ("chunkOffset", record.chunkOffset), ("chunkSize", record.chunkSize),
        ] where value < 0 {
            find(.toc, name, "expected \(field) of zero or more, not \(value)")
        }
        // What Linux has: 32 bits for owners, of which the last means none, 12 and 20 for devices.
        for (field, value, limit) in [
            ("uid", record.userID, Int64(UInt32.max)), ("gid", record.groupID, Int64(UInt32.max)),
            ("devMajor", record.deviceMajor, 1 << 12), ("devMinor", record.deviceMinor, 1 << 20),
        ] where value >= limit {
            find(.toc, name, "expected \(field) below \(limit), not \(value)")
        }
    }

    private mutating func check(_ record: TOCRecord, _ name: String, _ kind: TarEntry.Kind) {
        checkNumbers(record, name)
        var hasData = false
        if case .regular(let size) = kind {
            hasData = size > 0
        } else if record.size != 0 {
            find(.sizes, name, "a \(record.type) has no size, but the table says \(record.size)")
        }
        // Readers take it for the end of the data before it. containers/storage writes it, and reads otherwise.
        if !hasData, record.offset != 0, format != .containersZstdChunked {
            find(.order, name, at: record.offset, "an entry without data has an offset, which cuts off the one before")
        }
        if record.chunkOffset != 0 { find(.sizes, name, "the first chunk begins at byte \(record.chunkOffset)") }
    }

    private mutating func addChunk(_ record: TOCRecord, _ name: String) {
        guard case .regular(let size)? = table.entries.last?.kind, size > 0 else {
            return find(.order, name, at: record.offset, "a chunk does not follow a file with data")
        }
        checkNumbers(record, name)
        append(record, name)
    }

    private mutating func append(_ record: TOCRecord, _ name: String) {
        let isHole = record.chunkType == "zeros" && format == .containersZstdChunked
        let digest = digest(record.chunkDigest, .chunkDigest, of: record, name)
        // containers/storage leaves it out where the file has one chunk.
        if record.chunkDigest.isEmpty, format != .stargz, format != .containersZstdChunked, !isHole {
            find(.chunkDigest, name, at: record.offset, "the data has no digest")
        }
        let chunk = TableOfContents.Chunk(
            offset: max(0, record.offset), innerOffset: max(0, record.innerOffset),
            fileOffset: max(0, record.chunkOffset), size: max(0, record.chunkSize), digest: digest, isHole: isHole)
        if !isHole, chunk.offset >= dataEnd {
            find(.memberStart, name, at: chunk.offset, "the data would be outside the blob")
        }
        table.chunks.append(chunk)
    }

    /// Computes the sizes that the table leaves out, and looks whether the chunks make up the file.
    private mutating func closeFile() {
        guard let first = table.firstChunks.last, first < table.chunks.count, let entry = table.entries.last else {
            return
        }
        var position: Int64 = 0
        for index in first..<table.chunks.count {
            let next = index + 1 < table.chunks.count ? table.chunks[index + 1].fileOffset : entry.size
            let stated = table.chunks[index].size
            if stated == 0, index + 1 < table.chunks.count {
                refuse(.sizes, entry.name, at: table.chunks[index].offset, "a chunk other than the last has no size")
            }
            if stated == 0 { table.chunks[index].size = max(0, next - table.chunks[index].fileOffset) }
            let size = table.chunks[index].size
            guard table.chunks[index].fileOffset == position, size > 0, size <= entry.size - position else {
                table.broken.insert(table.entries.count - 1)
                return find(
                    .sizes, entry.name, at: table.chunks[index].offset,
                    "the chunk at byte \(table.chunks[index].fileOffset) with \(size) bytes does not fit into "
                        + "\(entry.size) bytes behind byte \(position)")
            }
            position += size
        }
        guard position == entry.size else {
            table.broken.insert(table.entries.count - 1)
            return find(.sizes, entry.name, "the chunks make \(position) bytes of \(entry.size)")
        }
        // containers/storage has the digest of a file of one chunk in one place alone; the snapshotter needs the other.
        if format == .containersZstdChunked, table.chunks.count == first + 1, table.chunks[first].digest == nil {
            table.chunks[first].digest = table.digests.last ?? nil
        }
    }

    private mutating func digest(
        _ text: String, _ promise: LayerPromise, of record: TOCRecord, _ name: String
    ) -> CompactDigest? {
        guard !text.isEmpty else { return nil }
        guard let digest = CompactDigest(parsing: text) else {
            find(
                promise, name, at: record.offset > 0 ? record.offset : nil,
                "expected a digest such as sha256:…, not '\(text.prefix(80).printable)'")
            return nil
        }
        return digest
    }

    /// Notes what readers cannot do with, or take for something else.
    private mutating func refuse(_ promise: LayerPromise, _ name: String, at offset: Int64? = nil, _ text: String) {
        table.unreadable = table.unreadable ?? "\(name.prefix(200).printable): \(text)"
        find(promise, name, at: offset, text)
    }

    private mutating func find(_ promise: LayerPromise, _ name: String, at offset: Int64? = nil, _ text: String) {
        table.findings.add(LayerFinding(promise, entry: name, at: offset, text))
    }
}
