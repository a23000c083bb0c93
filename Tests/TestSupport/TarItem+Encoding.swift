extension TarItem {
    /// Appends the header blocks and the data, without the padding behind the data.
    func write(to bytes: inout [UInt8], dialect: Tar.Dialect, prefix: String) {
        let fullName = Array(prefix.utf8) + name
        switch kind {
        case .raw: bytes += content
        case .globalRecords:
            let body = Self.paxBody(records)
            bytes += headerBlock(fields(name: name, type: "g", size: Int64(body.count)), .pax) + body
        case .volumeLabel: bytes += headerBlock(fields(name: name, type: "V", size: 0), .gnu)
        case .sparse(let form): writeSparse(form, to: &bytes, name: fullName, dialect: dialect)
        default:
            var shown = fields(name: fullName, type: Self.typeFlag(of: kind, dialect), size: Int64(content.count))
            if let typeFlag { shown.type = typeFlag }
            if let sizeField { shown.size = sizeField }
            writeExtensions(to: &bytes, &shown, dialect: dialect, extra: [])
            bytes += headerBlock(shown, dialect) + content
        }
    }

    /// What the main header holds.
    struct Fields {
        var name: [UInt8]
        var target: [UInt8]
        var type: UInt8
        var size: Int64
        var mode: Int64
        var userID: Int64
        var groupID: Int64
        var seconds: Int64
        var userName: [UInt8]
        var groupName: [UInt8]
        var device: (major: Int64, minor: Int64)
        /// Where ustar has the prefix and GNU the first parts of a sparse map.
        var tail: [UInt8] = []
    }

    private func fields(name: [UInt8], type: Character, size: Int64) -> Fields {
        Fields(
            name: name, target: target, type: type.asciiValue ?? 0, size: size, mode: mode, userID: userID,
            groupID: groupID, seconds: seconds, userName: Array(userName.utf8), groupName: Array(groupName.utf8),
            device: device)
    }

    private static func typeFlag(of kind: Kind, _ dialect: Tar.Dialect) -> Character {
        switch kind {
        case .hardlink: "1"
        case .symlink: "2"
        case .characterDevice: "3"
        case .blockDevice: "4"
        // V7 knows plain files and links alone; directories are files with a slash behind their name.
        case .directory: dialect == .v7 ? "\0" : "5"
        case .fifo: "6"
        default: dialect == .v7 ? "\0" : "0"
        }
    }

    /// Writes the headers in front of the main one, and takes out of it what they hold.
    private func writeExtensions(
        to bytes: inout [UInt8], _ shown: inout Fields, dialect: Tar.Dialect, extra: [(key: String, value: [UInt8])]
    ) {
        var pax = extra + records
        for attribute in attributes { pax.append(("SCHILY.xattr." + attribute.name, attribute.value)) }
        if dialect == .pax { movePaxFields(of: &shown, to: &pax) }
        if !fraction.isEmpty { pax.append(("mtime", Array("\(seconds).\(fraction)".utf8))) }
        if !pax.isEmpty {
            let body = Self.paxBody(pax)
            let header = Fields(
                name: Array("PaxHeaders/x".utf8), target: [], type: UInt8(ascii: "x"), size: Int64(body.count),
                mode: 0o644, userID: 0, groupID: 0, seconds: 0, userName: [], groupName: [], device: (0, 0))
            bytes += headerBlock(header, .pax) + body
            bytes.padToTarBlock()
        }
        guard dialect == .gnu else { return }
        for (text, flag) in [(shown.target, Character("K")), (shown.name, Character("L"))] where text.count > 100 {
            let header = Fields(
                name: Array("././@LongLink".utf8), target: [], type: flag.asciiValue ?? 0,
                size: Int64(text.count) + 1, mode: 0, userID: 0, groupID: 0, seconds: 0, userName: [], groupName: [],
                device: (0, 0))
            bytes += headerBlock(header, .gnu) + text + [0]
            bytes.padToTarBlock()
        }
    }

    private func movePaxFields(of shown: inout Fields, to pax: inout [(key: String, value: [UInt8])]) {
        func isPlain(_ text: [UInt8], _ limit: Int) -> Bool { text.count <= limit && text.allSatisfy { $0 < 0x80 } }
        if !isPlain(shown.name, 100) { pax.append(("path", shown.name)) }
        if !isPlain(shown.target, 100) { pax.append(("linkpath", shown.target)) }
        func move(_ value: inout Int64, _ key: String, digits: Int) {
            guard value < 0 || value >= Int64(1) << (3 * digits) else { return }
            pax.append((key, Array(String(value).utf8)))
            value = 0
        }
        move(&shown.userID, "uid", digits: 7)
        move(&shown.groupID, "gid", digits: 7)
        move(&shown.size, "size", digits: 11)
        if fraction.isEmpty { move(&shown.seconds, "mtime", digits: 11) } else { shown.seconds = max(0, shown.seconds) }
    }

    private func writeSparse(_ form: SparseForm, to bytes: inout [UInt8], name: [UInt8], dialect: Tar.Dialect) {
        var map = regions.map { (offset: $0.offset, count: Int64($0.bytes.count)) }
        let end = map.last.map { $0.offset + $0.count } ?? 0
        // GNU tar ends a map with an empty region where the file ends with a hole.
        if end < sparseSize { map.append((sparseSize, 0)) }
        let packed = regions.flatMap(\.bytes)
        var shown = fields(name: name, type: form == .gnu ? "S" : "0", size: Int64(packed.count))
        if let sizeField { shown.size = sizeField }
        let size = Array(String(sparseSize).utf8)
        func text(_ number: some BinaryInteger) -> [UInt8] { Array(String(number).utf8) }
        switch form {
        case .gnu:
            shown.tail = Self.gnuMap(map.prefix(4), slots: 4) + [map.count > 4 ? 1 : 0] + Self.octal(sparseSize, 12)
            writeExtensions(to: &bytes, &shown, dialect: .gnu, extra: [])
            bytes += headerBlock(shown, .gnu)
            var rest = map.dropFirst(4)
            while !rest.isEmpty {
                bytes += Self.gnuMap(rest.prefix(21), slots: 21) + [rest.count > 21 ? 1 : 0]
                bytes.append(zeros: 7)
                rest = rest.dropFirst(21)
            }
            bytes += packed
        case .pax00:
            let pairs = map.flatMap {
                [("GNU.sparse.offset", text($0.offset)), ("GNU.sparse.numbytes", text($0.count))]
            }
            writeExtensions(
                to: &bytes, &shown, dialect: .pax,
                extra: [("GNU.sparse.size", size), ("GNU.sparse.numblocks", text(map.count))] + pairs)
            bytes += headerBlock(shown, .pax) + packed
        case .pax01:
            shown.name = Array("GNUSparseFile.1/x".utf8)
            writeExtensions(
                to: &bytes, &shown, dialect: .pax,
                extra: [
                    ("GNU.sparse.size", size), ("GNU.sparse.numblocks", text(map.count)),
                    ("GNU.sparse.map", Array(map.map { "\($0.offset),\($0.count)" }.joined(separator: ",").utf8)),
                    ("GNU.sparse.name", name),
                ])
            bytes += headerBlock(shown, .pax) + packed
        case .pax10:
            shown.name = Array("GNUSparseFile.1/x".utf8)
            var data = text(map.count) + [10] + map.flatMap { text($0.offset) + [10] + text($0.count) + [10] }
            data.padToTarBlock()
            data += packed
            shown.size = sizeField ?? Int64(data.count)
            writeExtensions(
                to: &bytes, &shown, dialect: .pax,
                extra: [
                    ("GNU.sparse.major", text(1)), ("GNU.sparse.minor", text(0)), ("GNU.sparse.name", name),
                    ("GNU.sparse.realsize", size),
                ])
            bytes += headerBlock(shown, .pax) + data
        }
    }

    private static func gnuMap(_ map: some Collection<(offset: Int64, count: Int64)>, slots: Int) -> [UInt8] {
        map.flatMap { octal($0.offset, 12) + octal($0.count, 12) }
            + [UInt8](repeating: 0, count: 24 * (slots - map.count))
    }

    private func headerBlock(_ shown: Fields, _ dialect: Tar.Dialect) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: [UInt8], at offset: Int, limit: Int) {
            block.replaceSubrange(offset..<offset + min(limit, bytes.count), with: bytes.prefix(limit))
        }
        func number(_ value: Int64, at offset: Int, count: Int) {
            let fits = value >= 0 && value < Int64(1) << (3 * (count - 1))
            put(fits ? Self.octal(value, count) : Self.base256(value, count), at: offset, limit: count)
        }
        var name = shown.name
        if dialect == .ustar, name.count > 100, let slash = name.prefix(156).lastIndex(of: UInt8(ascii: "/")) {
            put(Array(name[..<slash]), at: 345, limit: 155)
            name = Array(name[(slash + 1)...])
        }
        put(name, at: 0, limit: 100)
        number(shown.mode, at: 100, count: 8)
        number(shown.userID, at: 108, count: 8)
        number(shown.groupID, at: 116, count: 8)
        number(shown.size, at: 124, count: 12)
        number(shown.seconds, at: 136, count: 12)
        block[156] = shown.type
        put(shown.target, at: 157, limit: 100)
        switch dialect {
        case .v7: break
        case .gnu: put(Array("ustar  \0".utf8), at: 257, limit: 8)
        case .ustar, .pax: put(Array("ustar\u{0}00".utf8), at: 257, limit: 8)
        }
        if dialect != .v7 {
            put(shown.userName, at: 265, limit: 32)
            put(shown.groupName, at: 297, limit: 32)
            number(shown.device.major, at: 329, count: 8)
            number(shown.device.minor, at: 337, count: 8)
        }
        if shown.type == UInt8(ascii: "S") { put(shown.tail, at: 386, limit: 109) }
        block.replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        let sum = block.reduce(hasBadChecksum ? 1 : 0) { $0 + Int64($1) }
        put(Self.octal(sum, 7), at: 148, limit: 7)
        return block
    }

    /// Octal digits and a NUL.
    private static func octal(_ value: Int64, _ count: Int) -> [UInt8] {
        let digits = Array(String(value, radix: 8).utf8)
        return [UInt8](repeating: 0x30, count: max(0, count - 1 - digits.count)) + digits + [0]
    }

    private static func base256(_ value: Int64, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: value < 0 ? 0xff : 0, count: count)
        for position in 0..<min(8, count) {
            bytes[count - 1 - position] = UInt8(truncatingIfNeeded: value >> (8 * Int64(position)))
        }
        bytes[0] = bytes[0] & 0x7f | 0x80
        if value < 0 { bytes[0] |= 0x40 }
        return bytes
    }

    package static func paxBody(_ records: [(key: String, value: [UInt8])]) -> [UInt8] {
        records.flatMap { record in
            let body = Array(" \(record.key)=".utf8) + record.value + [10]
            var count = body.count
            while body.count + String(count).utf8.count != count { count = body.count + String(count).utf8.count }
            return Array(String(count).utf8) + body
        }
    }
}
