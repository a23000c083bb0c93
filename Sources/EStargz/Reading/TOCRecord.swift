import Archive
import Content

/// An entry of a table of contents as it stands there (`estargz/types.go`, and `minimal/compression.go` of
/// containers/storage).
struct TOCRecord {
    var name: String?
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
            case "name": name = try stream.readString()
            case "type": type = try stream.readString()
            case "size": size = try stream.readInteger()
            case "modtime": modified = try stream.readString()
            case "linkname": linkName = try stream.readString()
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
                try stream.readObject(keepsCase: true) { attributes.append(($0, try stream.readString())) }
            case "digest": digest = try stream.readString()
            case "chunkoffset": chunkOffset = try stream.readInteger()
            case "chunksize": chunkSize = try stream.readInteger()
            case "chunkdigest": chunkDigest = try stream.readString()
            case "chunktype": chunkType = try stream.readString()
            default: try stream.skipValue()
            }
        }
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

extension TarEntry.Time {
    /// Reads a time of RFC 3339; `nil` for text that is none.
    init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes[4] == 0x2d, bytes[7] == 0x2d,
            bytes[10] == 0x54 || bytes[10] == 0x74, bytes[13] == 0x3a, bytes[16] == 0x3a,
            let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]), let hour = Self.number(bytes[11..<13]),
            let minute = Self.number(bytes[14..<16]), let second = Self.number(bytes[17..<19]),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        var nanoseconds: Int64 = 0
        if rest.first == 0x2e {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard let fraction = Self.number(digits.prefix(9)) else { return nil }
            nanoseconds = (digits.count..<9).reduce(fraction) { value, _ in value * 10 }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = Self.zone(rest) else { return nil }
        // Days since 0000-03-01, so that the leap day comes last (Hinnant, "chrono-compatible date algorithms").
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        self.init(
            seconds: ((days * 24 + hour) * 60 + minute) * 60 + second - offset, nanoseconds: nanoseconds)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// Seconds east of Greenwich.
    private static func zone(_ text: ArraySlice<UInt8>) -> Int64? {
        if text.elementsEqual("Z".utf8) || text.elementsEqual("z".utf8) { return 0 }
        let bytes = Array(text)
        guard bytes.count == 6, bytes[3] == 0x3a, bytes[0] == 0x2b || bytes[0] == 0x2d,
            let hours = number(bytes[1..<3]), let minutes = number(bytes[4..<6])
        else { return nil }
        return (bytes[0] == 0x2d ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
}
