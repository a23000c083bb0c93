import Content
import Glibc

/// A tar of a few entries, and the ways in which it becomes a layer.
struct TinyTar {
    private(set) var bytes: [UInt8] = []

    /// Adds a regular file.
    mutating func file(_ name: [UInt8], _ content: [UInt8]) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ field: [UInt8], at offset: Int) {
            header.replaceSubrange(offset..<offset + field.count, with: field)
        }
        func octal(_ number: Int, digits: Int) -> [UInt8] {
            let text = String(number, radix: 8)
            return Array((String(repeating: "0", count: digits - text.utf8.count) + text).utf8)
        }
        // Offsets of POSIX ustar: name, mode, uid, gid, size, mtime, checksum, type, magic and version.
        put(name, at: 0)
        put(octal(0o644, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        put(octal(content.count, digits: 11), at: 124)
        put(octal(1_700_000_000, digits: 11), at: 136)
        put(Array("        0ustar\u{0}00".utf8), at: 148)
        put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + [0], at: 148)
        bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func file(_ name: String, _ content: String) {
        file(Array(name.utf8), Array(content.utf8))
    }

    /// With the two zero blocks that end it.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    /// A tar whose only files are `etc/motd` and one of `size` bytes that do not compress.
    static func motd(_ text: String = "hello\n", noise size: Int = 0) -> TinyTar {
        var tar = TinyTar()
        tar.file("etc/motd", text)
        guard size > 0 else { return tar }
        var state: UInt64 = 88_172_645_463_325_252
        let words = (0...size / 8).map { _ in
            // xorshift: the same noise on every run.
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        tar.file(Array("noise".utf8), words.withUnsafeBytes { Array($0.prefix(size)) })
        return tar
    }
}
