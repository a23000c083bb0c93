import Content

extension TarEntry {
    /// Header blocks that say what this entry says: ustar, with pax records in front for what ustar cannot hold.
    ///
    /// For entries that cannot be copied as they are: sparse files that are expanded, links that are turned round.
    package func encodedHeader() -> [UInt8] {
        var records: [Record] = self.records
        var block = [UInt8](repeating: 0, count: 512)
        func text(_ value: String, at offset: Int, count: Int, record key: String) {
            let bytes = Array(value.utf8)
            if bytes.count > count || bytes.contains(where: { $0 >= 0x80 }) {
                records.append(Record(key: key, value: bytes))
            }
            block.replaceSubrange(offset..<offset + min(count, bytes.count), with: bytes.prefix(count))
        }
        func number(_ value: Int64, at offset: Int, digits: Int, record key: String) {
            var shown = value
            if value < 0 || value >= Int64(1) << (3 * digits) {
                records.append(Record(key: key, value: Array(String(value).utf8)))
                shown = 0
            }
            let octal = String(shown, radix: 8).utf8
            block.replaceSubrange(
                offset..<offset + digits, with: [UInt8](repeating: 0x30, count: digits - octal.count) + octal)
        }

        text(name, at: 0, count: 100, record: "path")
        number(mode, at: 100, digits: 7, record: "SCHILY.mode")
        number(user.id, at: 108, digits: 7, record: "uid")
        number(group.id, at: 116, digits: 7, record: "gid")
        number(size, at: 124, digits: 11, record: "size")
        if modified.nanoseconds == 0 {
            number(modified.seconds, at: 136, digits: 11, record: "mtime")
        } else {
            number(max(0, modified.seconds), at: 136, digits: 11, record: "SCHILY.seconds")
            records.append(Record(key: "mtime", value: Array(modified.paxText.utf8)))
        }
        var devices = (major: Int64(0), minor: Int64(0))
        switch kind {
        case .regular: block[156] = UInt8(ascii: "0")
        case .hardlink(let target):
            block[156] = UInt8(ascii: "1")
            text(target, at: 157, count: 100, record: "linkpath")
        case .symlink(let target):
            block[156] = UInt8(ascii: "2")
            text(target, at: 157, count: 100, record: "linkpath")
        case .characterDevice(let major, let minor):
            block[156] = UInt8(ascii: "3")
            devices = (major, minor)
        case .blockDevice(let major, let minor):
            block[156] = UInt8(ascii: "4")
            devices = (major, minor)
        case .directory: block[156] = UInt8(ascii: "5")
        case .fifo: block[156] = UInt8(ascii: "6")
        }
        block.replaceSubrange(257..<265, with: Array("ustar\u{0}00".utf8))
        text(user.name, at: 265, count: 32, record: "uname")
        text(group.name, at: 297, count: 32, record: "gname")
        number(devices.major, at: 329, digits: 7, record: "SCHILY.devmajor")
        number(devices.minor, at: 337, digits: 7, record: "SCHILY.devminor")
        block.sealTarHeader()

        records += extendedAttributes.map { Record(key: "SCHILY.xattr." + $0.name, value: $0.value) }
        return Self.paxHeader(records) + block
    }

    private static func paxHeader(_ records: [Record]) -> [UInt8] {
        guard !records.isEmpty else { return [] }
        let body = records.sorted { $0.key < $1.key }.flatMap(\.paxBytes)
        var block = [UInt8](repeating: 0, count: 512)
        block.replaceSubrange(0..<9, with: "PaxHeader".utf8)
        for (offset, digits) in [(100, 7), (108, 7), (116, 7), (136, 11)] {
            block.replaceSubrange(offset..<offset + digits, with: [UInt8](repeating: 0x30, count: digits))
        }
        let size = String(body.count, radix: 8).utf8
        block.replaceSubrange(124..<135, with: [UInt8](repeating: 0x30, count: 11 - size.count) + size)
        block[156] = UInt8(ascii: "x")
        block.replaceSubrange(257..<265, with: Array("ustar\u{0}00".utf8))
        block.sealTarHeader()
        return block + body + [UInt8](repeating: 0, count: Int(Int64(body.count).tarPadding))
    }
}

extension [UInt8] {
    /// Writes the checksum: the sum of all bytes, its own field counted as spaces (ustar).
    fileprivate mutating func sealTarHeader() {
        replaceSubrange(148..<156, with: [UInt8](repeating: 0x20, count: 8))
        let octal = String(reduce(0) { $0 + Int($1) }, radix: 8).utf8
        replaceSubrange(148..<154, with: [UInt8](repeating: 0x30, count: 6 - octal.count) + octal)
        self[154] = 0
    }
}

extension TarEntry.Record {
    /// The record with its own length in front, which counts itself too.
    fileprivate var paxBytes: [UInt8] {
        let body = key.utf8.count + value.count + 3
        var length = body + String(body).utf8.count
        if String(length).utf8.count > String(body).utf8.count { length = body + String(length).utf8.count }
        return Array("\(length) \(key)=".utf8) + value + [UInt8(ascii: "\n")]
    }
}

extension TarEntry.Time {
    /// Decimal seconds, as pax records hold them.
    var paxText: String {
        // Before 1970 the fraction counts downwards from zero.
        let (whole, fraction) =
            seconds < 0 && nanoseconds > 0 ? (seconds + 1, 1_000_000_000 - nanoseconds) : (seconds, nanoseconds)
        let digits = String(fraction)
        let sign = whole == 0 && seconds < 0 ? "-" : ""
        return sign + "\(whole)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }

    /// Reads decimal seconds of a pax record; `nil` when the text is none.
    init?(paxText: String) {
        let parts = paxText.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Int64(first.isEmpty || first == "-" ? "0" : first) else {
            return nil
        }
        let digits = parts.count == 2 ? parts[1].utf8.prefix(9) : "".utf8.prefix(0)
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        var fraction = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        for _ in digits.count..<9 { fraction *= 10 }
        if first.hasPrefix("-"), fraction > 0 {
            let (seconds, overflow) = whole.subtractingReportingOverflow(1)
            guard !overflow else { return nil }
            self.init(seconds: seconds, nanoseconds: 1_000_000_000 - fraction)
        } else {
            self.init(seconds: whole, nanoseconds: fraction)
        }
    }
}
