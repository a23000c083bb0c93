/// The cache of glibc's loader, `/etc/ld.so.cache`: where a library lies, by its name.
///
/// Read in the format that glibc writes since 2.2, which may stand behind the older one (glibc, sysdeps/generic/dl-cache.h):
///
///     0 "glibc-ld.so.cache1.1"   20 count (4)   24 bytes of strings (4)   28 flags (1)   32 extensions (4)   48 entries
///     entry: 0 flags (4)   4 offset of the name (4)   8 offset of the path (4)   12 unused (4)   16 hwcap (8)
struct LibraryCache {
    private(set) var paths: [[UInt8]: [[UInt8]]] = [:]

    private static let magic = Array("glibc-ld.so.cache1.1".utf8)
    private static let oldMagic = Array("ld.so-1.7.0".utf8)
    private static let headerSize = 48
    private static let entrySize = 24
    private static let stringsLimit = 16 << 20

    /// Nothing when the bytes make no sense.
    init(_ bytes: [UInt8], isBigEndian: Bool) {
        var cache = bytes[...]
        func number(_ start: Int) -> Int? {
            guard cache.count >= start + 4 else { return nil }
            let field = cache[(cache.startIndex + start)...].prefix(4)
            return (isBigEndian ? Array(field) : field.reversed()).reduce(0) { $0 << 8 | Int($1) }
        }
        if cache.starts(with: Self.oldMagic) {
            // A header of 16 bytes, entries of 12, and what fills up to 8.
            guard let count = number(12), count <= cache.count / 12 else { return }
            cache = cache.dropFirst((16 + 12 * count + 7) & ~7)
        }
        guard cache.starts(with: Self.magic), let count = number(20), count <= cache.count / Self.entrySize else {
            return
        }
        // Entries may share strings, so that few bytes could make many.
        var remaining = Self.stringsLimit
        func string(_ offset: Int) -> [UInt8] {
            let string = Array(cache.dropFirst(offset).prefix(4096).prefix { $0 != 0 })
            remaining -= string.count
            return string
        }
        for entry in 0..<count {
            let start = Self.headerSize + entry * Self.entrySize
            guard let name = number(start + 4), let path = number(start + 8), remaining > 0 else { return }
            paths[string(name), default: []].append(string(path))
        }
    }
}
