import EStargz
import Synchronization

/// A few chunks that were read lately, up to so many bytes: whoever reads a file in pieces asks for each chunk many times.
final class ChunkCache: Sendable {
    struct Key: Hashable {
        let layer: Int
        let chunk: TableOfContents.Chunk
    }

    fileprivate struct State {
        var chunks: [Key: [UInt8]] = [:]
        /// Longest unused first.
        var order: [Key] = []
        var count = 0
    }

    fileprivate static let chunkCount = 64
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int = Int(LayerReader.chunkLimit)) {
        self.limit = limit
    }

    /// The chunk, which `read` fetches when it is not at hand.
    func chunk(_ key: Key, reading read: () async throws -> [UInt8]) async throws -> [UInt8] {
        if let bytes = state.withLock({ $0.take(key) }) { return bytes }
        let bytes = try await read()
        state.withLock { $0.keep(bytes, as: key, limit: limit) }
        return bytes
    }
}

extension ChunkCache.State {
    fileprivate mutating func take(_ key: ChunkCache.Key) -> [UInt8]? {
        guard let bytes = chunks[key] else { return nil }
        order.removeAll { $0 == key }
        order.append(key)
        return bytes
    }

    fileprivate mutating func keep(_ bytes: [UInt8], as key: ChunkCache.Key, limit: Int) {
        guard bytes.count <= limit else { return }
        guard chunks.updateValue(bytes, forKey: key) == nil else { return }
        order.append(key)
        count += bytes.count
        while count > limit || order.count > ChunkCache.chunkCount {
            count -= chunks.removeValue(forKey: order.removeFirst())?.count ?? 0
        }
    }
}
