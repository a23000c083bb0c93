/// Checksums of tar headers, for tests that break what they cover.
package enum HeaderSums {
    /// Seals the header block around a byte that was broken anew, if the sound tar has a header there.
    package static func repair(_ broken: inout [UInt8], around position: Int, like tar: [UInt8]) {
        let start = position / 512 * 512
        guard start + 512 <= tar.count, !(148..<156).contains(position - start) else { return }
        let sound = tar[start..<start + 512]
        guard stored(sound) > 0, sum(sound) == stored(sound) else { return }
        let digits = Array(String(sum(broken[start..<start + 512]), radix: 8).utf8)
        let field = [UInt8](repeating: 0x30, count: 6 - digits.count) + digits
        broken.replaceSubrange((start + 148)..<(start + 154), with: field)
    }

    private static func sum(_ block: ArraySlice<UInt8>) -> Int {
        let field = block.startIndex + 148..<block.startIndex + 156
        return block.indices.reduce(0) { $0 + (field.contains($1) ? 0x20 : Int(block[$1])) }
    }

    private static func stored(_ block: ArraySlice<UInt8>) -> Int {
        block[(block.startIndex + 148)..<(block.startIndex + 154)].reduce(0) { $0 * 8 + Int($1 & 7) }
    }
}
