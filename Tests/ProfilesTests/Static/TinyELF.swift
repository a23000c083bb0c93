/// An ELF file of a few hundred bytes that says what it needs, of any class and byte order.
struct TinyELF {
    var is64Bit = true
    var isBigEndian = false
    var machine: UInt16 = 62
    var interpreter: String?
    var needed: [String] = []
    var rpath: String?
    var runPath: String?
    /// Names that stand in the table of strings as those of symbols do.
    var symbols: [String] = []

    /// A program of glibc's.
    static func program(_ needed: String..., symbols: [String] = []) -> TinyELF {
        TinyELF(interpreter: "/lib64/ld.so", needed: needed, symbols: symbols)
    }

    static func library(_ needed: String...) -> TinyELF { TinyELF(needed: needed) }

    private var word: Int { is64Bit ? 8 : 4 }
    private var headerSize: Int { is64Bit ? 64 : 52 }
    private var segmentSize: Int { is64Bit ? 56 : 32 }
    /// Where the file would be loaded, so that addresses are no offsets.
    private var base: Int { 0x10000 }

    private func number(_ value: Int, _ size: Int) -> [UInt8] {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        return isBigEndian ? bytes.reversed() : bytes
    }

    private func segment(_ kind: Int, at offset: Int, size: Int) -> [UInt8] {
        let place = number(offset, word) + number(base + offset, word) + number(base + offset, word)
        return number(kind, 4) + (is64Bit ? number(4, 4) : []) + place + number(size, word) + number(size, word)
            + (is64Bit ? [] : number(4, 4)) + number(1, word)
    }

    var bytes: [UInt8] {
        var strings: [UInt8] = [0]
        func add(_ text: String) -> Int {
            defer { strings += Array(text.utf8) + [0] }
            return strings.count
        }
        var tags: [(Int, Int)] = needed.map { (1, add($0)) }
        if let rpath { tags.append((15, add(rpath))) }
        if let runPath { tags.append((29, add(runPath))) }
        for symbol in symbols { _ = add(symbol) }

        let count = interpreter == nil ? 2 : 3
        let stringsOffset = headerSize + count * segmentSize
        let interpreterOffset = stringsOffset + strings.count
        let interpreterBytes: [UInt8] = interpreter.map { Array($0.utf8) + [0] } ?? []
        let dynamicOffset = interpreterOffset + interpreterBytes.count
        tags += [(5, base + stringsOffset), (10, strings.count), (0, 0)]
        let dynamic = tags.flatMap { number($0.0, word) + number($0.1, word) }

        var header: [UInt8] = [0x7f] + Array("ELF".utf8) + [is64Bit ? 2 : 1, isBigEndian ? 2 : 1, 1]
        header += [UInt8](repeating: 0, count: 9) + number(3, 2) + number(Int(machine), 2) + number(1, 4)
        header += number(0, word) + number(headerSize, word) + number(0, word) + number(0, 4)
        header += number(headerSize, 2) + number(segmentSize, 2) + number(count, 2) + number(0, 6)
        header += segment(1, at: 0, size: dynamicOffset + dynamic.count)
        if interpreter != nil { header += segment(3, at: interpreterOffset, size: interpreterBytes.count) }
        header += segment(2, at: dynamicOffset, size: dynamic.count)
        return header + strings + interpreterBytes + dynamic
    }
}
