import Archive
import Content
import SystemPackage

/// What libFuzzer calls with each input. Everything may fail here but the program itself: a trap, memory without bounds
/// or a loop without end is what is looked for.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    sealHeaders(&bytes)
    readLayer(bytes)
    return 0
}

/// Gives every tar header its checksum, which else would keep nearly all inputs from being looked at.
private func sealHeaders(_ bytes: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count - 511, by: 512)
    where bytes[start + 257..<start + 262].elementsEqual("ustar".utf8) {
        for position in start + 148..<start + 156 { bytes[position] = 0x20 }
        let digits = Array(String(bytes[start..<start + 512].reduce(0) { $0 + Int($1) }, radix: 8).utf8)
        bytes.replaceSubrange(
            start + 148..<start + 155, with: [UInt8](repeating: 0x30, count: 6 - digits.count) + digits + [0])
    }
}

/// Reads the input as a layer, compressed or not, and merges what it holds.
private func readLayer(_ bytes: [UInt8]) {
    let digest = Digest(of: bytes)
    let identity = LayerIdentity(digest: digest, size: Int64(bytes.count), diffID: digest)
    do {
        let layer = try InflatedLayer(bytes, expecting: identity, limit: 16 << 20, in: "/tmp") { _ in }
        use(layer)
    } catch {
        // Most inputs are malformed.
    }
}

private func use(_ layer: InflatedLayer) {
    let tree = MergedTree([layer.entries, layer.entries])
    for entry in layer.entries { _ = tree.resolve(Array(entry.name.utf8)) }
}
