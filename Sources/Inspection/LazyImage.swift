import Archive
import Content
import EStargz
import OCI
import Profiles
import Synchronization
import SystemPackage
import Transports

/// How an image is read.
package struct InspectionOptions: Sendable {
    /// Where layers go that have to be pulled.
    package var temporaryDirectory: FilePath
    /// How many bytes a layer that is pulled may have uncompressed.
    package var layerLimit: Int64 = 64 << 30
    /// Layers that are opened at a time.
    package var jobs = 4
    /// Pull every layer and check it to its last byte, also where it could be read lazily.
    package var pullsAll = false
    /// Told of what costs more than the user may expect.
    package var notice: @Sendable (InspectionEvent) -> Void = { _ in }

    package init(temporaryDirectory: FilePath) {
        self.temporaryDirectory = temporaryDirectory
    }
}

/// One platform of an image, read where it lies: tables of contents when they are needed, files when they are asked for.
///
/// Layers without a table are pulled once. Every byte that is handed on has been checked: by the digest of its chunk,
/// which the manifest vouches for, or by that of its layer.
package final class LazyImage: Sendable {
    package let image: PlatformImage
    /// What the user calls it, for messages.
    package let name: String
    private let layers: [OnDemand<OpenLayer>]
    private let options: InspectionOptions
    let opener: LayerOpener
    private let cache = ChunkCache()
    let explored = Mutex<Explored?>(nil)

    /// Opens nothing yet.
    ///
    /// - Parameters:
    ///   - image: the documents.
    ///   - source: where they come from.
    ///   - tables: the external tables of contents, if there are some.
    ///   - name: what the user calls it, for messages.
    ///   - options: how to read.
    package init(
        _ image: PlatformImage, from source: any ImageSource, tables: ExternalTables, named name: String,
        _ options: InspectionOptions
    ) {
        self.image = image
        self.name = name
        self.options = options
        let opener = LayerOpener(source: source, tables: tables, options: options)
        self.opener = opener
        let budget = EntryBudget()
        var known: [Descriptor: OnDemand<OpenLayer>] = [:]
        layers = zip(image.manifest.layers, image.configuration.diffIDs).enumerated().map { number, layer in
            if let same = known[layer.0] { return same }
            let layer = OnDemand {
                try await context("\(name): layer \(number + 1) (\(layer.0.digest.short))") {
                    let open = try await opener.open(layer.0, diffID: layer.1, number: number + 1)
                    try budget.take(open.entries.count)
                    return open
                }
            }
            known[image.manifest.layers[number]] = layer
            return layer
        }
    }

    /// How many layers there are.
    package var layerCount: Int { layers.count }

    /// A layer, counted from the bottom, which is 0.
    package func layer(_ number: Int) async throws -> OpenLayer { try await layers[number].value }

    /// The root file system, without what the format itself adds to it.
    package func tree() async throws -> MergedTree {
        let opened = try await concurrentMap(layers, width: options.jobs) { _, layer in try await layer.value }
        return MergedTree(opened.map(\.entries), hiding: SpecialEntry.paths)
    }

    /// What a layer alone holds, with whiteouts, and with what the format itself adds to it.
    ///
    /// - Parameter number: counts from the bottom, which is 0.
    /// - Returns: a tree in which all other layers are empty.
    /// - Throws: when the layer cannot be read.
    package func tree(ofLayer number: Int) async throws -> MergedTree {
        var entries = [[TarEntry]](repeating: [], count: layers.count)
        entries[number] = try await layer(number).entries
        return MergedTree(entries, showsWhiteouts: true)
    }

    /// The image as others read it; opens all layers.
    package func readable() async throws -> ReadableImage {
        ReadableImage(
            manifest: image.descriptor.digest, configuration: image.configuration, tree: try await tree(),
            contents: self)
    }

    /// The digest of a whole file: what the table of its layer says, else that of the bytes.
    package func digest(of file: MergedTree.Place, size: Int64) async throws -> Digest {
        if case .lazy(let reader) = try await layer(file.layer).content,
            let digest = reader.table.digest(of: file.entry)
        {
            return digest
        }
        var hasher = Hasher()
        try await forEachPiece(of: file, size: size) { piece in
            piece.withUnsafeBytes { hasher.update($0) }
        }
        return hasher.finalize()
    }

    /// How many chunks a file is fetched in; `nil` when its layer was pulled.
    package func chunkCount(of file: MergedTree.Place) async throws -> Int? {
        guard case .lazy(let reader) = try await layer(file.layer).content else { return nil }
        let place = try await place(of: file)
        return try context(place) { try reader.table.chunks(of: file.entry).count }
    }

    /// Where a file is, for messages.
    private func place(of file: MergedTree.Place) async throws -> String {
        let layer = try await layer(file.layer)
        let number = "layer \(file.layer + 1) (\(layer.descriptor.digest.short))"
        return "\(name): \(number): \(layer.entries[file.entry].path.description.brief)"
    }

    /// Holes cost a hostile table nothing.
    private func checkSize(_ size: Int64) throws {
        guard size <= options.layerLimit else { throw TarFailure.tooLarge(limit: options.layerLimit) }
    }

    /// Hands `body` a file piece by piece, each checked.
    package func forEachPiece(
        of file: MergedTree.Place, size: Int64, _ body: ([UInt8]) throws -> Void
    ) async throws {
        try checkSize(size)
        for start in stride(from: 0, to: size, by: 1 << 20) {
            try Task.checkCancellation()
            try body(try await bytes(of: file, in: start..<min(start + 1 << 20, size)))
        }
    }
}

extension LazyImage: FileContents {
    package func bytes(of file: MergedTree.Place, in range: Range<Int64>) async throws -> [UInt8] {
        let layer = try await layer(file.layer)
        let place = try await place(of: file)
        return try await context(place) {
            try checkSize(range.upperBound)
            switch layer.content {
            case .none: return []
            case .pulled(let inflated): return try inflated.bytes(of: file.entry, in: range)
            case .lazy(let reader):
                return try await reader.bytes(of: file.entry, in: range) { chunk in
                    try await cache.chunk(ChunkCache.Key(layer: file.layer, chunk: chunk)) {
                        try await reader.bytes(of: chunk)
                    }
                }
            }
        }
    }
}
