import Archive
import Content
import EStargz
import SystemPackage

/// A source layer in memory, and what an image would say of it.
package struct Layer: ByteSource {
    package enum Packing: String, CaseIterable, Sendable {
        case plain, gzip
        /// Three gzip members, cut anywhere.
        case gzipMembers
        case zstd
        /// zstd:chunked begins and ends with frames that readers skip.
        case zstdSkippable
    }

    package let bytes: [UInt8]
    package var identity: LayerIdentity
    /// Bytes that one read returns at most, as a slow download would.
    package var pace = Int.max

    /// A layer that an image describes rightly.
    package init(_ tar: [UInt8], _ packing: Packing = .plain) throws {
        bytes = try packing.pack(tar)
        identity = LayerIdentity(digest: Digest(of: bytes), size: Int64(bytes.count), diffID: Digest(of: tar))
    }

    /// Any bytes, described rightly as far as their compression lets one know.
    package init(blob bytes: [UInt8], diffID: Digest) {
        self.bytes = bytes
        identity = LayerIdentity(digest: Digest(of: bytes), size: Int64(bytes.count), diffID: diffID)
    }

    package func paced(_ count: Int) -> Layer {
        var result = self
        result.pace = count
        return result
    }

    package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let rest = bytes[min(Int(offset), bytes.count)...].prefix(min(buffer.count, pace))
        buffer.copyBytes(from: rest)
        return rest.count
    }

    /// The layer as eStargz, inflated before if something is wanted `first`.
    package func converted(
        chunkSize: Int64 = LayerPlan.defaultChunkSize, level: Int = 6, limit: Int64 = 1 << 30, workers: Int = 2,
        first: [String]? = nil
    ) async throws -> ConvertedLayer {
        let writer = LayerWriter(
            LayerOptions(
                chunkSize: chunkSize, level: CompressionLevel(level) ?? .default, sizeLimit: limit,
                temporaryDirectory: "/tmp", workers: workers))
        let built: BuiltLayer
        if let first {
            let inflated = try InflatedLayer(self, expecting: identity, limit: limit, in: "/tmp") { _ in }
            built = try await writer.write(inflated, first: first.map { EntryPath($0) }) { _ in }
        } else {
            built = try await writer.write(self, expecting: identity) { _ in }
        }
        return ConvertedLayer(built: built, bytes: try built.blob.bytes())
    }
}

package struct ConvertedLayer: Sendable {
    package let built: BuiltLayer
    package let bytes: [UInt8]

    /// The blob taken to pieces; what the writer says of it must be true.
    package func parsed() throws -> EStargzBlob {
        let blob = try EStargzBlob(bytes)
        guard built.digest == Digest(of: bytes), built.diffID == blob.diffID, built.tocDigest == blob.tocDigest,
            built.uncompressedSize == Int64(blob.tar.count)
        else { throw BadBlob("the writer says something else of the blob than it is") }
        return blob
    }
}

extension Tar {
    /// The archive as eStargz, taken to pieces.
    package func converted(_ packing: Layer.Packing = .plain, chunkSize: Int64 = LayerPlan.defaultChunkSize)
        async throws -> EStargzBlob
    {
        try await Layer(bytes, packing).converted(chunkSize: chunkSize).parsed()
    }
}

extension Layer.Packing {
    package func pack(_ tar: [UInt8]) throws -> [UInt8] {
        switch self {
        case .plain: tar
        case .gzip: try Self.gzip(tar)
        case .gzipMembers:
            try Self.gzip(Array(tar.prefix(tar.count / 3))) + Self.gzip([])
                + Self.gzip(Array(tar.dropFirst(tar.count / 3)))
        case .zstd: Self.zstd(tar)
        case .zstdSkippable:
            Self.skippable + Self.zstd(Array(tar.prefix(700))) + Self.zstd(Array(tar.dropFirst(700)))
                + Self.skippable
        }
    }

    private static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let compressor = try GzipCompressor(level: .default)
        return try [UInt8](unsafeUninitializedCapacity: compressor.bound(bytes.count)) { buffer, filled in
            filled = try bytes.withUnsafeBytes {
                try compressor.compress($0, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }

    /// One frame of stored blocks (RFC 8878): the program has no zstd compressor that a test could use.
    private static func zstd(_ bytes: [UInt8]) -> [UInt8] {
        // A window of 128 KiB, no content size, no checksum.
        var frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3]
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(100_000)
            rest = rest.dropFirst(block.count)
            let header = UInt32(block.count) << 3 | (rest.isEmpty ? 1 : 0)
            frame += [UInt8(header & 255), UInt8(header >> 8 & 255), UInt8(header >> 16 & 255)] + block
        } while !rest.isEmpty
        return frame
    }

    private static let skippable: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0] + Array("hello".utf8)
}

/// What kind of failure `body` ends with; `nil` when it does not fail.
package func failureKind<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async -> FailureKind? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? any Failure)?.kind ?? .io
    }
}
