import Archive
import Content
import SystemPackage

/// How layers are written; the bytes depend on `chunkSize` and `level` alone.
package struct LayerOptions: Sendable {
    package var chunkSize: Int64
    package var level: CompressionLevel
    /// Uncompressed bytes, holes of sparse files included.
    package var sizeLimit: Int64
    package var temporaryDirectory: FilePath
    /// Threads that compress.
    package var workers: Int

    package init(
        chunkSize: Int64 = LayerPlan.defaultChunkSize, level: CompressionLevel = .default, sizeLimit: Int64 = 64 << 30,
        temporaryDirectory: FilePath, workers: Int
    ) {
        self.chunkSize = chunkSize
        self.level = level
        self.sizeLimit = sizeLimit
        self.temporaryDirectory = temporaryDirectory
        self.workers = workers
    }

    /// Uncompressed bytes that workers may have at hand: a whole chunk for each, and some more, so that one slow batch
    /// does not keep the others waiting.
    fileprivate var budget: Int64 { Int64(workers + 1) * (chunkSize + Batch.size) }
}

/// Rewrites layers as eStargz. One writer serves all layers of a conversion, which share its memory.
package struct LayerWriter: Sendable {
    private let options: LayerOptions
    private let slabs: SlabPool
    private let buffers: BufferPool
    private let producers = Gate(1)

    package init(_ options: LayerOptions) {
        self.options = options
        slabs = SlabPool(workers: options.workers, chunkSize: options.chunkSize)
        // Uncompressed and compressed bytes of each.
        buffers = BufferPool(limit: Int(2 * options.budget))
    }

    /// Converts one layer while it is still arriving.
    ///
    /// Inflating, hashing, indexing, compressing and writing overlap. The source is checked against `identity` to its
    /// last byte before this returns. `advanced` is called with the number of compressed bytes of each piece read.
    /// - Throws: `LayerObstacle` when the layer must stay as it is.
    package func write(
        _ source: any ByteSource, expecting identity: LayerIdentity, advanced: @escaping @Sendable (Int) -> Void
    ) async throws -> BuiltLayer {
        let streaming = try await assemble { work in
            let producer = StreamingProducer(work, slabs: slabs, chunkSize: options.chunkSize)
            let stream = try TarStream(
                source, into: producer.window, expecting: identity, limit: options.sizeLimit, advanced: advanced)
            return try producer.run(stream)
        }
        if let streaming { return streaming }
        // A path turned up twice, or a link before its target: the order of the tar cannot be kept.
        let reordered = try await assemble { work in
            // The bytes have been counted when they were read for the first time.
            let layer = try InflatedLayer(
                source, expecting: identity, limit: options.sizeLimit, in: options.temporaryDirectory
            ) { _ in }
            try ReorderedProducer(layer: layer, priorities: [], chunkSize: options.chunkSize) { _ in }.run(into: work)
            return true
        }
        guard let reordered else { throw CancellationError() }
        return reordered
    }

    /// Writes a layer that was inflated before; the bytes are those of a layer that was not, unless something comes
    /// first.
    ///
    /// - Parameters:
    ///   - layer: stays as it is, and can be written again.
    ///   - priorities: the files that are to be prefetched, in this order, each after the directories above it and
    ///     after the target of its link. Paths that the layer does not have do not matter.
    ///   - advanced: called with the number of bytes of the tar as they are taken up.
    /// - Returns: the finished layer.
    /// - Throws: `LayerObstacle` when the layer must stay as it is.
    package func write(
        _ layer: InflatedLayer, first priorities: [EntryPath], advanced: @escaping @Sendable (Int) -> Void
    ) async throws -> BuiltLayer {
        let producer = ReorderedProducer(
            layer: layer, priorities: priorities, chunkSize: options.chunkSize, advanced: advanced)
        return try await write(with: producer)
    }

    /// What would be prefetched of a layer if it were written with these files first.
    ///
    /// - Throws: `LayerObstacle` when the layer must stay as it is.
    package func prefetch(of layer: InflatedLayer, first priorities: [EntryPath]) async throws -> Prefetch {
        let entries = PrioritisedOrder(try layer.orderedEntries(), priorities: priorities).first
        let producer = ReorderedProducer(
            layer: layer, priorities: priorities, chunkSize: options.chunkSize, endsAtLandmark: true
        ) { _ in }
        return Prefetch(
            entries: entries.count, contentSize: entries.map(\.size).reduce(0, +),
            size: try await write(with: producer).prefetchSize)
    }

    private func write(with producer: ReorderedProducer) async throws -> BuiltLayer {
        let built = try await assemble { work in
            try producer.run(into: work)
            return true
        }
        guard let built else { throw CancellationError() }
        return built
    }

    /// Runs producer, workers and assembler, each on threads of their own, until the layer is done.
    ///
    /// Returns `nil` when the producer gave up, which it says by returning `false`.
    private func assemble(
        _ produce: @escaping @Sendable (OrderedWork<Batch, CompressedBatch>) throws -> Bool
    ) async throws -> BuiltLayer? {
        let work = OrderedWork<Batch, CompressedBatch>(budget: options.budget)
        let blob = try SpoolFile(in: options.temporaryDirectory)
        return try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: BuiltLayer?.self) { group in
                group.addTask {
                    // The next layer is read when this one has been, so that one window of memory serves all.
                    try await producers.withPermit {
                        try await onThread {
                            try work.failing {
                                if try produce(work) { work.complete() } else { work.fail(PlanAbandoned()) }
                            }
                        }
                    }
                    return nil
                }
                for _ in 0..<options.workers {
                    group.addTask {
                        try await onThread {
                            try work.failing {
                                let compressor = try GzipCompressor(level: options.level)
                                try work.work { try $0.compress(with: compressor, buffers: buffers) }
                            }
                        }
                        return nil
                    }
                }
                group.addTask {
                    try await onThread {
                        try work.failing {
                            var assembler = LayerAssembler(blob, chunkSize: options.chunkSize)
                            try work.consume { try assembler.append($0) }
                            return try assembler.finish(with: GzipCompressor(level: options.level))
                        }
                    }
                }
                var layer: BuiltLayer?
                do {
                    for try await result in group { layer = result ?? layer }
                } catch {
                    // Threads that only saw the work end report that as their own failure; the first one is the cause.
                    let cause = work.failure ?? error
                    if cause is PlanAbandoned { return nil }
                    throw cause
                }
                return layer
            }
        } onCancel: {
            work.fail(CancellationError())
        }
    }
}

/// The plan that was being followed does not fit the layer; what was made so far is thrown away.
private struct PlanAbandoned: Error {}

extension OrderedWork {
    /// Ends the work for all threads when `body` throws.
    fileprivate func failing<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            fail(error)
            throw error
        }
    }
}
