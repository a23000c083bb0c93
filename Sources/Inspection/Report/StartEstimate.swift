import Content
import EStargz
import OCI

/// What starting a workload costs, by a model of the Stargz Snapshotter.
package struct StartEstimate: Sendable {
    /// A line to the registry.
    package struct Line: Hashable, Sendable {
        /// Bytes a second, over all requests together.
        package let bandwidth: Int64
        /// From a request to the first byte of its answer.
        package let roundTrip: Duration

        package init(bandwidth: Int64, roundTrip: Duration) {
            self.bandwidth = bandwidth
            self.roundTrip = roundTrip
        }
    }

    /// What goes over the line.
    package struct Cost: Hashable, Sendable {
        package var requests: Int64 = 0
        package var bytes: Int64 = 0
        /// Requests of which one has to wait for the other.
        package var turns: Int64 = 0

        /// In thousandths of a second.
        package func milliseconds(over line: Line) -> Int64 {
            let (seconds, attoseconds) = line.roundTrip.components
            let turn = Double(seconds) * 1000 + Double(attoseconds) / 1e15
            let all = Double(turns) * turn + Double(bytes) * 1000 / Double(max(1, line.bandwidth))
            return Int64(min(all.rounded(), 1e15))
        }

        fileprivate mutating func add(_ fetch: RegionSet.Fetch) {
            requests += fetch.requests
            bytes = bytes.addingSaturated(fetch.bytes)
        }
    }

    /// What the numbers rest on.
    package enum Basis: String, Sendable {
        /// The files of a profile.
        case profile
        /// What the layers have before their landmarks.
        case prefetched
        /// Nothing is prefetched, and nobody said what the workload opens.
        case nothing
    }

    package let basis: Basis
    /// Until the snapshotter has mounted all layers, and prefetched what is to be.
    package let before: Cost
    /// What the workload then opens.
    package let onDemand: Cost
    /// Both, one after the other: until all that the profile names has been read.
    package var ready: Cost {
        Cost(
            requests: before.requests + onDemand.requests, bytes: before.bytes.addingSaturated(onDemand.bytes),
            turns: before.turns + onDemand.turns)
    }
    /// Everything at once, as without lazy layers.
    package let pull: Cost

    /// - Parameters:
    ///   - layers: bottom first.
    ///   - needed: what the workload opens, in this order; `nil` to take what is prefetched for that.
    init(_ layers: [ReportedLayer], needed: [(layer: Int, chunks: [Range<Int64>])]?) {
        // containerd fetches the first layer that is not lazy, and all above.
        let lazyCount = layers.firstIndex { $0.contents == nil && $0.descriptor.mediaType.layerKind == .tar }
        var before = Cost()
        var pull = Cost()
        var prefetches = false
        var turns: Int64 = 0
        var regions: [RegionSet?] = []
        for (position, layer) in layers.enumerated() {
            guard layer.descriptor.mediaType.layerKind == .tar else {
                regions.append(nil)
                continue
            }
            pull.requests += 1
            pull.bytes = pull.bytes.addingSaturated(layer.size)
            guard let contents = layer.contents, position < lazyCount ?? .max else {
                before.requests += 1
                before.bytes = before.bytes.addingSaturated(layer.size)
                turns = max(turns, 1)
                regions.append(nil)
                continue
            }
            var set = RegionSet(of: layer.size)
            let opening = Self.open(contents, &set, layer.size)
            before.requests += opening.requests
            before.bytes = before.bytes.addingSaturated(opening.bytes)
            turns = max(turns, opening.turns)
            let prefetch = set.fetch(0..<contents.prefetchEnd)
            before.add(prefetch)
            if prefetch.requests > 0 { prefetches = true }
            regions.append(set)
        }
        before.turns = turns + (prefetches ? 1 : 0)
        pull.turns = pull.requests > 0 ? 1 : 0

        var onDemand = Cost()
        for (layer, chunks) in needed ?? [] where layers.indices.contains(layer) {
            // The workload reads a file from its beginning to its end, and each chunk when it gets there.
            for chunk in chunks { if let fetch = regions[layer]?.fetch(chunk) { onDemand.add(fetch) } }
        }
        onDemand.turns = onDemand.requests
        self.before = before
        self.onDemand = onDemand
        self.pull = pull
        let hasPrefetch = layers.contains { ($0.contents?.prefetchEnd ?? 0) > 0 }
        basis = needed != nil ? .profile : hasPrefetch ? .prefetched : .nothing
    }

    /// What it takes to mount a layer: where it is, how large, the footer, and the table of contents.
    private static func open(_ contents: ReportedLayer.Contents, _ set: inout RegionSet, _ size: Int64) -> Cost {
        // Two bytes to find out about redirects, then HEAD.
        var cost = Cost(requests: 2, bytes: 2, turns: 2)
        let footer = set.fetch(max(0, size - (contents.footerSize ?? 0))..<size)
        cost.add(footer)
        cost.turns += footer.requests
        if contents.format == .externalTOC {
            cost.requests += 1
            cost.bytes = cost.bytes.addingSaturated(contents.tocSize)
            cost.turns += 1
        } else {
            let table = set.fetch(contents.tocRange)
            cost.add(table)
            cost.turns += table.requests
        }
        return cost
    }
}
