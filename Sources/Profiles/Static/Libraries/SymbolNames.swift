/// The names in the string table of an ELF file, each ended by a zero.
struct SymbolNames {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Which of some names are there, as names of their own and not as the end of longer ones.
    func intersection(_ names: Set<String>) -> Set<String> {
        let wanted = Set(names.map { Array($0.utf8) })
        let longest = wanted.map(\.count).max() ?? 0
        var found: Set<String> = []
        var start = 0
        while start < bytes.count, let end = bytes[start...].firstIndex(of: 0) {
            if end - start <= longest, end > start, wanted.contains(Array(bytes[start..<end])) {
                found.insert(String(decoding: bytes[start..<end], as: UTF8.self))
            }
            start = end + 1
        }
        return found
    }

    /// The names with a prefix, without it.
    func suffixes(after prefix: String) -> Set<String> {
        let prefix = Array(prefix.utf8)
        var found: Set<String> = []
        var start = 0
        while start < bytes.count, let end = bytes[start...].firstIndex(of: 0) {
            if bytes[start..<end].starts(with: prefix), end - start <= 256 {
                found.insert(String(decoding: bytes[(start + prefix.count)..<end], as: UTF8.self))
            }
            start = end + 1
        }
        return found
    }
}
