import Archive
import Content
import EStargz
import SystemPackage

/// What libFuzzer calls with each input. Everything may fail here but the program itself: a trap, memory without bounds
/// or a loop without end is what is looked for.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    readTable(bytes)
    readBlob(bytes)
    sealHeaders(&bytes)
    readLayer(bytes)
    return 0
}

/// Reads the input as the text of a table of contents behind a member of data, and all that it leads to.
private func readTable(_ text: [UInt8]) {
    do {
        let compressor = try GzipCompressor(level: CompressionLevel(1) ?? .default)
        let data = try compressor.compress([UInt8](repeating: 7, count: 4096))
        var header = TarHeaderBlock.named("stargz.index.json", size: text.count)
        header += text
        let table = try compressor.compress(header)
        readBlob(data + table + Footer(tocOffset: Int64(data.count)).bytes, tocDigest: Digest(of: text))
    } catch {
        // No memory for a compressor would show elsewhere.
    }
}

/// Reads the input as a blob.
private func readBlob(_ bytes: [UInt8], tocDigest: Digest? = nil) {
    awaiting {
        let blob = Blob(bytes: bytes)
        let reader = try await LayerReader(blob, trusting: .text(tocDigest ?? Digest(of: []))) { bytes }
        let table = reader.table
        for (position, entry) in table.entries.enumerated().prefix(100) where entry.size > 0 {
            // Tables may promise more than there is memory; what is asked for is bounded, as in the program.
            _ = try? await reader.bytes(of: position, in: 0..<min(entry.size, 1 << 16)) { chunk in
                try await reader.bytes(of: chunk)
            }
        }
        use([table.entries])
    }
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
        use([layer.entries, layer.entries])
    } catch {
        // Most inputs are malformed.
    }
}

private func use(_ layers: [[TarEntry]]) {
    let tree = MergedTree(layers)
    for entry in layers.joined() { _ = tree.resolve(Array(entry.name.utf8)) }
}

/// Runs asynchronous work to its end; whether it fails does not matter.
private func awaiting(_ body: @escaping @Sendable () async throws -> Void) {
    let isDone = Monitor(false)
    Task.detached {
        try? await body()
        isDone.withLock { $0 = true }
    }
    isDone.wait { $0 ? () : nil }
}

private struct Blob: RandomAccess {
    let bytes: [UInt8]

    var count: Int64 { Int64(bytes.count) }

    func bytes(in range: Range<Int64>) throws -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw FileFailure.truncated(wanted: range.count, found: bytes.count)
        }
        return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }
}

private enum TarHeaderBlock {
    /// Readers of tables look at name and size alone.
    static func named(_ name: String, size: Int) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        block.replaceSubrange(0..<name.utf8.count, with: name.utf8)
        let digits = String(size, radix: 8)
        block.replaceSubrange(124..<124 + digits.utf8.count, with: digits.utf8)
        return block
    }
}

extension GzipCompressor {
    fileprivate func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: bound(bytes.count)) { buffer, filled in
            filled = try bytes.withUnsafeBytes { try compress($0, into: UnsafeMutableRawBufferPointer(buffer)) }
        }
    }
}
