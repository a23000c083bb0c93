import Archive

/// What the start of a program needs to know of an ELF file, of either class and byte order.
///
/// Offsets and counts in it are foreign: each is checked against the file before anything is read.
struct ELFFile {
    /// What must agree between a program and its libraries.
    struct Architecture: Hashable {
        let is64Bit: Bool
        let isBigEndian: Bool
        /// `e_machine`.
        let machine: UInt16
    }

    let architecture: Architecture
    /// The program that loads it; `nil` for libraries and for static programs.
    private(set) var interpreter: [UInt8]?
    /// `DT_NEEDED`, in order.
    private(set) var needed: [[UInt8]] = []
    /// `DT_RPATH`; it does not count where `runPath` is there.
    private(set) var rpath: [UInt8]?
    private(set) var runPath: [UInt8]?
    /// Where the names of its symbols lie in the file.
    private var stringTable: Range<Int64>?

    /// The most that is read of program headers, of the dynamic section, and of the string table.
    private static let headersLimit: Int64 = 64 << 10
    private static let dynamicLimit: Int64 = 256 << 10
    private static let namesLimit: Int64 = 32 << 20
    private static let neededLimit = 4096

    /// Reads the headers of a file; `nil` when it is no ELF file, or one that no loader would take.
    ///
    /// - Parameters:
    ///   - node: a regular file.
    ///   - files: give out its bytes.
    /// - Throws: when the image cannot be read.
    init?(_ node: MergedTree.Node, in files: VisitedFiles) async throws {
        guard let size = files.size(of: node), let head = try await files.head(of: node, count: 64),
            let header = Header(head)
        else { return nil }
        architecture = header.fields.architecture
        let fields = header.fields
        let tableSize = Int64(header.programHeaderCount) * Int64(header.programHeaderSize)
        guard header.programHeaderSize >= fields.programHeaderSize, tableSize <= Self.headersLimit,
            let table = Self.range(header.programHeaders, tableSize, in: size),
            let programHeaders = try await files.bytes(of: node, in: table)
        else { return nil }

        var dynamic: Range<Int64>?
        var loaded: [Segment] = []
        for number in 0..<Int(header.programHeaderCount) {
            let segment = fields.segment(programHeaders, at: number * Int(header.programHeaderSize))
            switch segment.kind {
            // Numbers of 64 bits, of which no file needs the last.
            case Segment.load where min(segment.address, segment.offset, segment.size) >= 0: loaded.append(segment)
            case Segment.dynamic: dynamic = Self.range(segment.offset, min(segment.size, Self.dynamicLimit), in: size)
            case Segment.interpreter where segment.size <= 4096:
                guard let range = Self.range(segment.offset, segment.size, in: size) else { return nil }
                interpreter = try await files.bytes(of: node, in: range).map { Array($0.prefix { $0 != 0 }) }
            default: break
            }
        }
        if let dynamic, let bytes = try await files.bytes(of: node, in: dynamic) {
            try await readDynamicSection(bytes, fields, loaded, of: node, size: size, in: files)
        }
    }

    /// The names of all symbols that it takes from others or gives to others.
    ///
    /// - Parameters:
    ///   - node: the file itself.
    ///   - files: give out its bytes.
    /// - Returns: none for a static program.
    /// - Throws: when the image cannot be read.
    func symbols(of node: MergedTree.Node, in files: VisitedFiles) async throws -> SymbolNames {
        guard let stringTable, let bytes = try await files.bytes(of: node, in: stringTable) else {
            return SymbolNames([])
        }
        return SymbolNames(bytes)
    }

    private mutating func readDynamicSection(
        _ bytes: [UInt8], _ fields: Fields, _ loaded: [Segment], of node: MergedTree.Node, size: Int64,
        in files: VisitedFiles
    ) async throws {
        var (table, tableSize): (Int64?, Int64?) = (nil, nil)
        var neededOffsets: [Int64] = []
        var (rpathOffset, runPathOffset): (Int64?, Int64?) = (nil, nil)
        for start in stride(from: 0, through: bytes.count - 2 * fields.wordSize, by: 2 * fields.wordSize) {
            let (tag, value) = (fields.word(bytes, at: start), fields.word(bytes, at: start + fields.wordSize))
            if tag == 0 { break }
            switch tag {
            case 1 where neededOffsets.count < Self.neededLimit: neededOffsets.append(value)
            case 5: table = value
            case 10: tableSize = value
            case 15: rpathOffset = value
            case 29: runPathOffset = value
            default: continue
            }
        }
        guard let address = table, let count = tableSize, count > 0,
            let segment = loaded.first(where: { $0.address <= address && address - $0.address < $0.size }),
            case let (start, overflows) = segment.offset.addingReportingOverflow(address - segment.address), !overflows,
            let range = Self.range(start, min(count, Self.namesLimit), in: size),
            let strings = try await files.bytes(of: node, in: range)
        else { return }
        func string(_ offset: Int64) -> [UInt8]? {
            guard offset >= 0, offset < Int64(strings.count) else { return nil }
            return Array(strings[Int(offset)...].prefix(4096).prefix { $0 != 0 })
        }
        needed = neededOffsets.compactMap(string).filter { !$0.isEmpty }
        rpath = rpathOffset.flatMap(string)
        runPath = runPathOffset.flatMap(string)
        stringTable = range
    }

    /// A range of a file; `nil` when it does not lie within it.
    private static func range(_ start: Int64, _ count: Int64, in size: Int64) -> Range<Int64>? {
        guard start >= 0, count >= 0, start <= size, count <= size - start else { return nil }
        return start..<start + count
    }
}

extension ELFFile {
    /// An entry of the program headers.
    fileprivate struct Segment {
        static let load: Int64 = 1
        static let dynamic: Int64 = 2
        static let interpreter: Int64 = 3

        let kind: Int64
        let offset: Int64
        let address: Int64
        let size: Int64
    }

    /// Where the fields of a class lie, and how their bytes are ordered.
    fileprivate struct Fields {
        let architecture: Architecture

        var wordSize: Int { architecture.is64Bit ? 8 : 4 }
        var programHeaderSize: UInt16 { architecture.is64Bit ? 56 : 32 }

        /// A field of two, four or eight bytes; -1 when it is too large to mean anything.
        func number(_ bytes: [UInt8], at start: Int, size: Int) -> Int64 {
            guard start >= 0, size <= bytes.count, start <= bytes.count - size else { return -1 }
            let field = bytes[start..<start + size]
            let value = (architecture.isBigEndian ? Array(field) : field.reversed()).reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
            return Int64(exactly: value) ?? -1
        }

        func word(_ bytes: [UInt8], at start: Int) -> Int64 { number(bytes, at: start, size: wordSize) }

        /// Reads a program header.
        ///
        ///     64 bits: 0 type (4), 4 flags (4), 8 offset, 16 address, 24 physical address, 32 size in the file
        ///     32 bits: 0 type (4), 4 offset, 8 address, 12 physical address, 16 size in the file (4 each)
        func segment(_ bytes: [UInt8], at start: Int) -> Segment {
            let first = start + wordSize
            return Segment(
                kind: number(bytes, at: start, size: 4), offset: word(bytes, at: first),
                address: word(bytes, at: first + wordSize), size: word(bytes, at: first + 3 * wordSize))
        }
    }

    /// The header at the start of the file.
    ///
    ///     0 magic (4), 4 class, 5 byte order, 16 type (2), 18 machine (2)
    ///     64 bits: 32 program headers (8), 54 size of one (2), 56 count (2)
    ///     32 bits: 28 program headers (4), 42 size of one (2), 44 count (2)
    fileprivate struct Header {
        let fields: Fields
        let programHeaders: Int64
        let programHeaderSize: UInt16
        let programHeaderCount: UInt16

        init?(_ bytes: [UInt8]) {
            guard bytes.count >= 52, bytes.starts(with: [0x7f] + Array("ELF".utf8)), (1...2).contains(bytes[4]),
                (1...2).contains(bytes[5])
            else { return nil }
            let is64Bit = bytes[4] == 2
            guard !is64Bit || bytes.count >= 64 else { return nil }
            func fields(machine: UInt16) -> Fields {
                Fields(
                    architecture: Architecture(is64Bit: is64Bit, isBigEndian: bytes[5] == 2, machine: machine))
            }
            let reader = fields(machine: 0)
            func short(_ start: Int) -> UInt16 {
                UInt16(truncatingIfNeeded: reader.number(bytes, at: start, size: 2))
            }
            self.fields = fields(machine: short(18))
            programHeaders = reader.word(bytes, at: is64Bit ? 32 : 28)
            programHeaderSize = short(is64Bit ? 54 : 42)
            programHeaderCount = short(is64Bit ? 56 : 44)
        }
    }
}
