import Archive
import Content

/// An entry of a table of contents as it stands there (`estargz/types.go`, and `minimal/compression.go` of
/// containers/storage).
struct TOCRecord {
    /// Names of hostile tables are the whole document long: no file can have one that is longer than this.
    private static let nameLimit = EntryPath.lengthLimit
    /// Linux lists 64 KiB of names for a file.
    private static let attributeLimit = 256

    var name: String?
    /// Whether the name or the target of the entry is longer than any path.
    var isTooLong = false
    var type = ""
    var size: Int64 = 0
    var modified: String?
    var linkName = ""
    var mode: Int64 = 0
    var userID: Int64 = 0
    var groupID: Int64 = 0
    var userName = ""
    var groupName = ""
    var offset: Int64 = 0
    var innerOffset: Int64 = 0
    var deviceMajor: Int64 = 0
    var deviceMinor: Int64 = 0
    var attributes: [(name: String, value: String)] = []
    var digest = ""
    var chunkOffset: Int64 = 0
    var chunkSize: Int64 = 0
    var chunkDigest = ""
    var chunkType = ""

    /// Reads the members of an entry; those that are not known are passed over.
    init(_ stream: JSONStream) throws {
        try stream.readObject { key in
            if try stream.takeNull() { return }
            switch key {
            case "name": name = try readName(stream)
            case "type": type = try stream.readString()
            case "size": size = try stream.readInteger()
            case "modtime": modified = try stream.readString()
            case "linkname": linkName = try readName(stream)
            case "mode": mode = try stream.readInteger()
            case "uid": userID = try stream.readInteger()
            case "gid": groupID = try stream.readInteger()
            case "username": userName = try stream.readString()
            case "groupname": groupName = try stream.readString()
            case "offset": offset = try stream.readInteger()
            case "inneroffset": innerOffset = try stream.readInteger()
            case "devmajor": deviceMajor = try stream.readInteger()
            case "devminor": deviceMinor = try stream.readInteger()
            case "xattrs":
                try stream.readObject(keepsCase: true) { name in
                    guard attributes.count < Self.attributeLimit else {
                        throw LayerReadFailure.tooManyAttributes(limit: Self.attributeLimit)
                    }
                    attributes.append((name, try stream.takeNull() ? "" : try stream.readString()))
                }
            case "digest": digest = try stream.readString()
            case "chunkoffset": chunkOffset = try stream.readInteger()
            case "chunksize": chunkSize = try stream.readInteger()
            case "chunkdigest": chunkDigest = try stream.readString()
            case "chunktype": chunkType = try stream.readString()
            default: try stream.skipValue()
            }
        }
    }

    private mutating func readName(_ stream: JSONStream) throws -> String {
        let name = try stream.readString(upTo: Self.nameLimit)
        if name == nil { isTooLong = true }
        return name ?? ""
    }

    /// The kind of file; `nil` for chunks and types that no reader knows.
    var kind: TarEntry.Kind? {
        switch type {
        case "reg": .regular(size: max(size, 0))
        case "dir": .directory
        case "symlink": .symlink(target: linkName)
        case "hardlink": .hardlink(target: linkName)
        case "char": .characterDevice(major: deviceMajor, minor: deviceMinor)
        case "block": .blockDevice(major: deviceMajor, minor: deviceMinor)
        case "fifo": .fifo
        default: nil
        }
    }
}
