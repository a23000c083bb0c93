/// Reads gzip member by member, written for tests alone: what the program writes is not read with what it reads with.
package struct GzipMember: Sendable {
    /// Where the member begins.
    package let offset: Int
    package let bytes: [UInt8]
    /// The extra field of its header.
    package let extra: [UInt8]

    /// All members of a gzip file, which must be made of nothing else; CRC and length of each are compared.
    package static func all(of file: [UInt8]) throws -> [GzipMember] {
        var members: [GzipMember] = []
        var position = 0
        while position < file.count {
            let member = try one(of: file, at: &position)
            members.append(member)
        }
        return members
    }

    private static func one(of file: [UInt8], at position: inout Int) throws -> GzipMember {
        let offset = position
        guard file.count - position >= 18, file[position...].starts(with: [0x1f, 0x8b, 8]) else {
            throw BadGzip("no member begins at byte \(position)")
        }
        let flags = file[position + 3]
        position += 10
        var extra: [UInt8] = []
        if flags & 4 != 0 {
            let count = Int(file[position]) | Int(file[position + 1]) << 8
            extra = Array(file[(position + 2)..<(position + 2 + count)])
            position += 2 + count
        }
        guard flags & ~4 == 0 else { throw BadGzip("unexpected flags \(flags)") }
        let bytes = try file.withUnsafeBufferPointer { buffer in
            var inflater = Inflater(buffer, from: position)
            let bytes = try inflater.inflate()
            position = inflater.position
            return bytes
        }
        guard file.count - position >= 8 else { throw BadGzip("the trailer is incomplete") }
        let (crc, count) = (
            littleEndian(file[position..<position + 4]), littleEndian(file[(position + 4)..<position + 8])
        )
        guard crc == CRC32.of(bytes), count == UInt32(truncatingIfNeeded: bytes.count) else {
            throw BadGzip("wrong CRC or length of the member at byte \(offset)")
        }
        position += 8
        return GzipMember(offset: offset, bytes: bytes, extra: extra)
    }

    private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}

package struct BadGzip: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

package enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            bytes.withUnsafeBufferPointer { bytes in
                ~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 255)] ^ $0 >> 8 }
            }
        }
    }
}

/// DEFLATE (RFC 1951), one bit after the other: slow and short.
private struct Inflater {
    private let input: UnsafeBufferPointer<UInt8>
    /// The next byte.
    private(set) var position: Int
    private var bits = 0
    private var bitCount = 0
    private var output: [UInt8] = []

    private struct Code {
        /// How many codes there are of each length, and their symbols in order.
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int] = []

        init(_ lengths: some Collection<Int>) {
            for length in lengths where length > 0 { counts[length] += 1 }
            symbols = lengths.enumerated().filter { $0.element > 0 }.sorted {
                ($0.element, $0.offset) < ($1.element, $1.offset)
            }
            .map(\.offset)
        }
    }

    init(_ input: UnsafeBufferPointer<UInt8>, from position: Int) {
        self.input = input
        self.position = position
    }

    mutating func inflate() throws -> [UInt8] {
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try copyStored()
            case 1:
                let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
                try decode(Code(lengths), Code([Int](repeating: 5, count: 30)))
            case 2:
                let (literals, distances) = try readCodes()
                try decode(literals, distances)
            default: throw BadGzip("bad block type")
            }
        }
        return output
    }

    private mutating func take(_ count: Int) throws -> Int {
        while bitCount < count {
            guard position < input.count else { throw BadGzip("the deflated bytes end too early") }
            bits |= Int(input[position]) << bitCount
            position += 1
            bitCount += 8
        }
        let value = bits & ((1 << count) - 1)
        bits >>= count
        bitCount -= count
        return value
    }

    private mutating func copyStored() throws {
        (bits, bitCount) = (0, 0)
        guard position + 4 <= input.count else { throw BadGzip("a stored block has no length") }
        let count = Int(input[position]) | Int(input[position + 1]) << 8
        position += 4
        guard position + count <= input.count else { throw BadGzip("a stored block ends too early") }
        output += input[position..<position + count]
        position += count
    }

    private mutating func readCodes() throws -> (literals: Code, distances: Code) {
        let (literalCount, distanceCount) = (try take(5) + 257, try take(5) + 1)
        let lengthCount = try take(4) + 4
        var lengths = [Int](repeating: 0, count: 19)
        for position in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(lengthCount) {
            lengths[position] = try take(3)
        }
        let code = Code(lengths)
        var all: [Int] = []
        while all.count < literalCount + distanceCount {
            switch try symbol(code) {
            case 16: all += [Int](repeating: all.last ?? 0, count: try take(2) + 3)
            case 17: all += [Int](repeating: 0, count: try take(3) + 3)
            case 18: all += [Int](repeating: 0, count: try take(7) + 11)
            case let length: all.append(length)
            }
        }
        return (Code(all.prefix(literalCount)), Code(Array(all.dropFirst(literalCount))))
    }

    private mutating func symbol(_ code: Code) throws -> Int {
        var (value, first, index) = (0, 0, 0)
        for length in 1...15 {
            value |= try take(1)
            let count = code.counts[length]
            if value - count < first { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw BadGzip("unknown code")
    }

    private static let lengths = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthBits = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]

    private mutating func decode(_ literals: Code, _ distances: Code) throws {
        while true {
            let literal = try symbol(literals)
            if literal < 256 {
                output.append(UInt8(literal))
                continue
            }
            if literal == 256 { return }
            guard literal <= 285 else { throw BadGzip("bad length") }
            let count = Self.lengths[literal - 257] + (try take(Self.lengthBits[literal - 257]))
            let code = try symbol(distances)
            let extra = max(0, code / 2 - 1)
            let base = code < 2 ? code + 1 : (2 + code % 2) << extra + 1
            let distance = base + (try take(extra))
            guard distance <= output.count else { throw BadGzip("bad distance") }
            for _ in 0..<count { output.append(output[output.count - distance]) }
        }
    }
}
