import Content
import OCI

extension ImageReport {
    /// What the estimate of a start takes for granted, in words.
    package var assumptions: [String] {
        var lines = [
            "the line moves \(line.bandwidth) bytes a second, and an answer begins \(line.roundTripMilliseconds) ms "
                + "after its request",
            """
            the Stargz Snapshotter opens all layers at the same time: it asks for the place of each, its size, its end \
            and the rest of its table of contents, then for what is prefetched, in regions of \(RegionSet.regionSize) bytes
            """,
        ]
        switch start.basis {
        case .profile: lines.append("the workload reads the files of the profile to their ends, one after the other")
        case .prefetched: lines.append("the workload opens what is prefetched, and nothing else")
        case .nothing:
            lines.append("nothing is prefetched, and without a profile nobody knows what the workload opens")
        }
        if let first = firstPulledLayer {
            lines.append("layer \(first) is not lazy, so containerd pulls it and all above it before the start")
        }
        if prefetchTime > 10_000 {
            lines.append(
                "prefetching takes longer than the 10 s that the snapshotter waits for it; the workload then starts earlier"
            )
        }
        lines.append(
            "not counted: connecting, logging in, manifests, unpacking, and what is fetched in the background")
        return lines
    }

    /// The number of the first layer that is pulled as a whole.
    package var firstPulledLayer: Int? {
        layers.first { $0.contents == nil && $0.descriptor.mediaType.layerKind == .tar }?.number
    }

    private var prefetchTime: Int64 {
        StartEstimate.Cost(bytes: prefetchSize).milliseconds(over: line)
    }
}
