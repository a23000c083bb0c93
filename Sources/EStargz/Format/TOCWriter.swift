import Archive
import Content

/// Writes the table of contents entry by entry, in blob order.
///
/// By hand, since its digest is an identity: its bytes must not change with a release of some library.
struct TOCWriter {
    /// A chunk of a file, compressed as a gzip member of its own.
    struct Chunk {
        /// Where in the file it begins.
        var offset: Int64
        var size: Int64
        /// Where in the blob its member begins.
        var blobOffset: Int64
        var digest: Digest
    }

    private var text = Array(#"{"version":1,"entries":["#.utf8)
    private var isFirst = true
    private var userNames: [Int64: String] = [:]
    private var groupNames: [Int64: String] = [:]
    private let chunkSize: Int64

    init(chunkSize: Int64) {
        self.chunkSize = chunkSize
    }

    /// Adds an entry and the chunks of its data; fields and their order are those of `estargz/types.go`.
    ///
    /// `digest` is that of the whole file, `nil` for what is no file.
    mutating func add(_ entry: TarEntry, digest: Digest?, chunks: [Chunk]) {
        open("name", entry.name)
        field("type", entry.kind.tocType)
        if entry.size > 0 { field("size", entry.size) }
        if let time = entry.modified.tocText { field("modtime", time) }
        if let target = entry.kind.linkTarget { field("linkName", target) }
        if entry.mode != 0 { field("mode", entry.mode) }
        if entry.user.id != 0 { field("uid", entry.user.id) }
        if entry.group.id != 0 { field("gid", entry.group.id) }
        // Readers fill in the last name seen for an id, so only changes need to be written.
        if Self.isNew(entry.user, in: &userNames) { field("userName", entry.user.name) }
        if Self.isNew(entry.group, in: &groupNames) { field("groupName", entry.group.name) }
        let first = chunks.first
        if let first, first.blobOffset != 0 { field("offset", first.blobOffset) }
        if let (major, minor) = entry.kind.device {
            if major != 0 { field("devMajor", major) }
            if minor != 0 { field("devMinor", minor) }
        }
        if !entry.extendedAttributes.isEmpty { add(entry.extendedAttributes) }
        if let digest { field("digest", digest.description) }
        if let first { finish(first) }
        close()
        for chunk in chunks.dropFirst() {
            open("name", entry.name)
            field("type", "chunk")
            field("offset", chunk.blobOffset)
            field("chunkOffset", chunk.offset)
            finish(chunk)
            close()
        }
    }

    /// The whole document, without a byte after its closing brace.
    consuming func finish() -> [UInt8] {
        text.append(contentsOf: "]}".utf8)
        return text
    }

    private mutating func finish(_ chunk: Chunk) {
        // Written for full chunks only, also where the last one of a file is full.
        if chunk.size == chunkSize { field("chunkSize", chunk.size) }
        field("chunkDigest", chunk.digest.description)
    }

    private mutating func add(_ attributes: [TarEntry.ExtendedAttribute]) {
        text.append(contentsOf: #","xattrs":{"#.utf8)
        // By name, as the Go builder writes them, whatever their order in the header was.
        let sorted = attributes.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (position, attribute) in sorted.enumerated() {
            if position > 0 { text.append(UInt8(ascii: ",")) }
            JSON.write(attribute.name, to: &text)
            text.append(UInt8(ascii: ":"))
            JSON.write(Base64.text(of: attribute.value), to: &text)
        }
        text.append(UInt8(ascii: "}"))
    }

    private static func isNew(_ owner: TarEntry.Owner, in names: inout [Int64: String]) -> Bool {
        guard !owner.name.isEmpty, names[owner.id]?.isSameText(as: owner.name) != true else { return false }
        names[owner.id] = owner.name
        return true
    }

    private mutating func open(_ key: String, _ value: String) {
        text.append(contentsOf: (isFirst ? "{" : ",{").utf8)
        isFirst = false
        JSON.write(key, to: &text)
        text.append(UInt8(ascii: ":"))
        JSON.write(value, to: &text)
    }

    private mutating func field(_ key: String, _ value: String) {
        text.append(UInt8(ascii: ","))
        JSON.write(key, to: &text)
        text.append(UInt8(ascii: ":"))
        JSON.write(value, to: &text)
    }

    private mutating func field(_ key: String, _ value: Int64) {
        text.append(UInt8(ascii: ","))
        JSON.write(key, to: &text)
        text.append(contentsOf: ":\(value)".utf8)
    }

    private mutating func close() {
        text.append(UInt8(ascii: "}"))
    }
}

extension TarEntry.Kind {
    fileprivate var tocType: String {
        switch self {
        case .regular: "reg"
        case .directory: "dir"
        case .symlink: "symlink"
        case .hardlink: "hardlink"
        case .characterDevice: "char"
        case .blockDevice: "block"
        case .fifo: "fifo"
        }
    }

    fileprivate var linkTarget: String? {
        switch self {
        case .symlink(let target), .hardlink(let target): target
        default: nil
        }
    }

    fileprivate var device: (major: Int64, minor: Int64)? {
        switch self {
        case .characterDevice(let major, let minor), .blockDevice(let major, let minor): (major, minor)
        default: nil
        }
    }
}

extension TarEntry.Time {
    /// RFC 3339 in UTC, rounded half-up to whole seconds as the Go builder does.
    ///
    /// `nil` for second zero, which readers take a missing field for, and outside the years 1 to 9999, where
    /// containers/storage would refuse the whole table of contents.
    var tocText: String? {
        let range: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
        guard range.contains(seconds) else { return nil }
        let rounded = nanoseconds >= 500_000_000 ? seconds + 1 : seconds
        guard rounded != 0, seconds != 0, range.contains(rounded) else { return nil }
        return TarEntry.Time(seconds: rounded).rfc3339
    }
}
