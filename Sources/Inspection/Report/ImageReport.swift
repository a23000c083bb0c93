import Archive
import Content
import EStargz
import OCI
import Profiles

/// What an image costs: to store, and to start.
package struct ImageReport: Sendable {
    /// The profile that a start was estimated with.
    package struct ProfileUse: Sendable {
        /// How many of its entries are in the image.
        package let foundCount: Int
        package let missing: [String]
        /// For each layer, the files that the workload opens, as positions in the table of contents.
        package let files: [Set<Int>]
    }

    /// The image as it was named.
    package let name: String
    package let manifest: Digest
    package let platform: Platform?
    /// Bottom first.
    package let layers: [ReportedLayer]
    package let profile: ProfileUse?
    package let start: StartEstimate
    package let line: StartEstimate.Line

    /// All layers together.
    package var size: Int64 { layers.reduce(0) { $0.addingSaturated($1.size) } }

    /// `nil` unless it is known of all layers.
    package var sourceSize: Int64? {
        let sizes = layers.compactMap(\.sourceSize)
        return sizes.count == layers.count ? sizes.reduce(0) { $0.addingSaturated($1) } : nil
    }

    package var growth: Growth? { sourceSize.flatMap { Growth(from: $0, to: size) } }

    /// What is fetched before the workload starts, besides the tables of contents.
    package var prefetchSize: Int64 {
        layers.reduce(0) { $0.addingSaturated($1.contents?.prefetchEnd ?? 0) }
    }

    /// What of layers is fetched before the workload starts: of lazy ones what is prefetched, of those that are pulled
    /// everything.
    package var sizeBeforeStart: Int64 {
        let firstPulled = firstPulledLayer ?? .max
        return layers.reduce(0) { sum, layer in
            guard layer.descriptor.mediaType.layerKind == .tar else { return sum }
            return sum.addingSaturated(layer.number < firstPulled ? layer.contents?.prefetchEnd ?? 0 : layer.size)
        }
    }
}

extension ImageReport {
    /// Reads what a report needs: of each lazy layer the table of contents, of others nothing unless there is a profile.
    ///
    /// - Parameters:
    ///   - image: what is reported of.
    ///   - name: how it was named.
    ///   - only: the layer that is reported of, counted from 0; `nil` for all.
    ///   - source: the image that it was converted from, if that is known.
    ///   - profile: what the workload opens; `nil` to take what is prefetched for that.
    ///   - line: between the registry and the runtime.
    /// - Returns: the report.
    /// - Throws: when something cannot be read, or `source` is another image.
    package static func read(
        _ image: LazyImage, named name: String, only: Int? = nil, source: PlatformImage?, profile: Profile?,
        line: StartEstimate.Line
    ) async throws -> ImageReport {
        try source?.checkLayerCount(asSourceOf: image.image)
        var readers: [LayerReader?] = []
        var layers: [ReportedLayer] = []
        for number in only.map({ $0..<$0 + 1 }) ?? 0..<image.layerCount {
            try Task.checkCancellation()
            var (reader, reason): (LayerReader?, String?)
            switch try await image.reader(ofLayer: number) {
            case .success(let found) where found.format == .containersZstdChunked:
                reason = "containerd does not read zstd:chunked of this kind"
            case .success(let found): reader = found
            case .failure(let lack): reason = lack.reason
            }
            // Tables are large, and without a profile nobody asks them again.
            readers.append(profile == nil ? nil : reader)
            layers.append(
                ReportedLayer(
                    number: number + 1, descriptor: image.image.manifest.layers[number],
                    sourceSize: source?.manifest.layers[number].size,
                    contents: reader.map { ReportedLayer.Contents($0, image.image.manifest.layers[number]) },
                    reason: reason))
        }
        let use = try await profile.asyncMap { try await Use(of: $0, in: image, readers, layers) }
        return ImageReport(
            name: name, manifest: image.image.descriptor.digest, platform: image.image.platform, layers: layers,
            profile: use?.profile, start: StartEstimate(layers, needed: use?.needed), line: line)
    }

    /// What a profile means for the layers of an image.
    private struct Use {
        let profile: ProfileUse
        let needed: [(layer: Int, chunks: [Range<Int64>])]

        init(
            of profile: Profile, in image: LazyImage, _ readers: [LayerReader?], _ layers: [ReportedLayer]
        ) async throws {
            let resolution = try ProfileResolution(
                profile, in: try await image.readable(), ignoring: SpecialEntry.paths)
            let entries = zip(layers, readers).map(Self.entries)
            var files = [Set<Int>](repeating: [], count: layers.count)
            var needed: [(layer: Int, chunks: [Range<Int64>])] = []
            for file in resolution.files {
                guard let position = layers.firstIndex(where: { $0.number == file.layer + 1 }),
                    let entry = entries[position][file.path], let reader = readers[position]
                else { continue }
                files[position].insert(entry)
                let chunks = try reader.table.chunks(of: entry).filter { !$0.isHole }.map { chunk in
                    let end = reader.table.memberEnd(after: chunk.offset, end: reader.dataEnd)
                    return chunk.offset..<max(chunk.offset, end)
                }
                needed.append((position, chunks))
            }
            self.profile = ProfileUse(
                foundCount: resolution.foundCount, missing: resolution.missing.map(\.description), files: files)
            self.needed = needed
        }

        /// The files with data of a layer, under all of their names.
        private static func entries(of layer: ReportedLayer, _ reader: LayerReader?) -> [EntryPath: Int] {
            var entries = Dictionary((layer.contents?.map.files ?? []).map { ($0.path, $0.entry) }) { $1 }
            for entry in reader?.table.entries ?? [] {
                // In the order of the table: what a link leads to stands before it.
                if case .hardlink(let target) = entry.kind { entries[entry.path] = entries[EntryPath(target)] }
            }
            return entries
        }
    }
}

extension ReportedLayer.Contents {
    fileprivate init(_ reader: LayerReader, _ descriptor: Descriptor) {
        self.init(
            format: reader.format, map: LayerMap(reader), entryCount: reader.table.entries.count,
            fileCount: reader.table.fileCount, tocSize: reader.tocSize, tocTextSize: reader.tocTextSize,
            dataEnd: reader.dataEnd, footerSize: reader.footer.map { Int64($0.count) },
            landmark: reader.table.landmark?.name,
            prefetchEnd: min(descriptor.prefetchEnd(reader.table), reader.dataEnd))
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ transform: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
