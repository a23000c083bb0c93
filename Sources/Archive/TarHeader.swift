import Content

/// The header blocks of one entry, as they stand in the tar.
///
/// libarchive parses them; this walks over them once more for what libarchive hides: which records it skipped, which
/// type the entry really has, and which extended attributes are the standard ones.
struct TarHeader {
    /// The blocks that belong to the entry: its pax, long-name and main headers, nothing before them.
    private(set) var kept: Range<Int>
    /// The type flag of the main header.
    private(set) var type: UInt8 = 0
    /// The size field of the main header.
    private(set) var size: Int64 = 0
    private(set) var records: [TarEntry.Record] = []
    /// Blocks that belong to no entry stand between those that do.
    private(set) var isInterrupted = false
    /// Bytes that are left after the main header: the map of a sparse file.
    private(set) var rest: Range<Int>

    /// Walks over `bytes`, which begin at a header block and end where the entry's data begins.
    init(_ bytes: [UInt8]) throws {
        var position = 0
        kept = 0..<0
        rest = 0..<0
        while true {
            guard position + 512 <= bytes.count else { throw TarFailure.malformed("header block is incomplete") }
            let block = bytes[position..<position + 512]
            type = block[position + 156]
            size = try Self.number(block[(position + 124)..<(position + 136)])
            guard let role = SpecialBlock(type) else { break }
            let (padded, overflow) = size.addingReportingOverflow(size.tarPadding)
            guard !overflow, size >= 0, padded <= Int64(bytes.count - position - 512) else {
                throw TarFailure.malformed("extended header is longer than the archive")
            }
            let next = position + 512 + Int(padded)
            switch role {
            case .ofEntry:
                if kept.isEmpty { kept = position..<next } else { kept = kept.lowerBound..<next }
                if type != UInt8(ascii: "L"), type != UInt8(ascii: "K") {
                    records += try Self.records(bytes[(position + 512)..<(position + 512 + Int(size))])
                }
            case .ofArchive:
                if !kept.isEmpty { isInterrupted = true }
            }
            position = next
        }
        kept = (kept.isEmpty ? position : kept.lowerBound)..<(position + 512)
        rest = (position + 512)..<bytes.count
    }

    /// How many bytes of a sparse file's data follow, which in pax form 1.0 begin with the map; `nil` for nonsense.
    var packedSize: Int64? {
        func last(_ key: String) -> String? {
            records.last { $0.key == key }.map { String(decoding: $0.value, as: UTF8.self) }
        }
        guard let size = last("size").map({ Int64($0) }) ?? size else { return nil }
        return last("GNU.sparse.major") == "1" ? size - Int64(rest.count) : size
    }

    private enum SpecialBlock {
        /// pax `x` and Solaris `X` records, GNU long names.
        case ofEntry
        /// pax `g` records and GNU volume labels. No reader of images applies them, so applying would change content.
        case ofArchive

        init?(_ type: UInt8) {
            switch Character(Unicode.Scalar(type)) {
            case "x", "X", "L", "K": self = .ofEntry
            case "g", "V": self = .ofArchive
            default: return nil
            }
        }
    }

    /// Octal digits between spaces and NULs, or base 256 where the first bit is set (GNU).
    private static func number(_ field: ArraySlice<UInt8>) throws -> Int64 {
        if let first = field.first, first & 0x80 != 0 {
            var value: Int64 = first & 0x40 != 0 ? -1 : Int64(first & 0x3f)
            for byte in field.dropFirst() {
                let (product, overflow) = value.multipliedReportingOverflow(by: 256)
                guard !overflow else { throw TarFailure.malformed("number in a header is too large") }
                value = product | Int64(byte)
            }
            return value
        }
        let digits = field.drop { $0 == 0x20 || $0 == 0 }.prefix { (0x30...0x37).contains($0) }
        return digits.reduce(0) { $0 << 3 | Int64($1 - 0x30) }
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts the whole record (pax interchange format).
    private static func records(_ bytes: ArraySlice<UInt8>) throws -> [TarEntry.Record] {
        var records: [TarEntry.Record] = []
        var rest = bytes
        while let first = rest.first, first != 0 {
            guard let space = rest.firstIndex(of: 0x20), space - rest.startIndex <= 12,
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
                length > space - rest.startIndex + 2, length <= rest.count,
                rest[rest.startIndex + length - 1] == UInt8(ascii: "\n")
            else { throw TarFailure.badRecord("length at byte \(rest.startIndex - bytes.startIndex)") }
            let body = rest[(space + 1)..<(rest.startIndex + length - 1)]
            guard let equals = body.firstIndex(of: UInt8(ascii: "=")) else {
                throw TarFailure.badRecord("expected '=' in the record")
            }
            guard let key = String(validating: body[..<equals], as: UTF8.self) else {
                throw LayerObstacle.notUTF8(String(decoding: body[..<equals], as: UTF8.self))
            }
            records.append(TarEntry.Record(key: key, value: Array(body[(equals + 1)...])))
            rest = rest[(rest.startIndex + length)...]
        }
        return records
    }
}
