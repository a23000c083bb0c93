import Content

/// Inflates a whole stream that is read only once, such as a pipe; one that is not compressed comes out as it is.
///
/// - Parameters:
///   - read: fills a buffer; returns how many bytes, zero at the end.
///   - write: takes inflated bytes.
/// - Throws: what `read` and `write` throw, and `InflationFailure` for a stream that is corrupt or too short.
package func inflate(
    from read: (UnsafeMutableRawBufferPointer) throws -> Int, into write: (UnsafeRawBufferPointer) throws -> Void
) throws {
    let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer {
        input.deallocate()
        output.deallocate()
    }
    var filled = 0
    while filled < Compression.magicCount {
        let count = try read(UnsafeMutableRawBufferPointer(rebasing: input[filled...]))
        if count == 0 { break }
        filled += count
    }
    var pending = UnsafeRawBufferPointer(rebasing: input[..<filled])
    let inflater = try Compression(sniffing: pending).makeInflater()
    while true {
        let made = try inflater.inflate(&pending, into: output)
        if made > 0 {
            try write(UnsafeRawBufferPointer(rebasing: output[..<made]))
            continue
        }
        guard pending.isEmpty else { continue }
        let count = try read(input)
        if count == 0 { break }
        pending = UnsafeRawBufferPointer(rebasing: input[..<count])
    }
    // What the inflater still holds back.
    while case let made = try inflater.inflate(&pending, into: output), made > 0 {
        try write(UnsafeRawBufferPointer(rebasing: output[..<made]))
    }
    try inflater.finish()
}
