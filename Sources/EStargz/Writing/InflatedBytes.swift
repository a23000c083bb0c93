import Content

/// A stretch of the inflated layer that members are made from: in memory, or in a file when its order changes.
enum InflatedBytes: Sendable {
    case window([Piece])
    case file(FileSlice)

    /// Part of the layer, from `start` on, in one slab.
    struct Piece: Sendable {
        let slab: Slab
        let start: Int64
        var count: Int

        var end: Int64 { start + Int64(count) }
    }

    /// Copies `range` of the layer to the front of `output`.
    func copy(_ range: Range<Int64>, to output: UnsafeMutableRawBufferPointer) throws {
        switch self {
        case .file(let slice):
            try slice.readAll(
                at: range.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: output[..<range.count]))
        case .window(let pieces): Self.copy(range, from: pieces, to: output)
        }
    }

    /// The window is always large enough: what members need is dropped only with them.
    static func copy(_ range: Range<Int64>, from pieces: [Piece], to output: UnsafeMutableRawBufferPointer) {
        for piece in pieces where piece.start < range.upperBound && piece.end > range.lowerBound {
            let part = range.clamped(to: piece.start..<piece.end)
            let source = piece.slab.memory[Int(part.lowerBound - piece.start)..<Int(part.upperBound - piece.start)]
            output[Int(part.lowerBound - range.lowerBound)...].copyBytes(from: source)
        }
    }
}
