import Archive
import Content
import EStargz
import OCI

/// A layer of which entries and data can be had.
package struct OpenLayer: Sendable {
    package enum Content: Sendable {
        /// Its files are fetched when they are asked for.
        case lazy(LayerReader)
        /// Was pulled as a whole.
        case pulled(InflatedLayer)
        /// Holds no files, or none that may be fetched.
        case none
    }

    package let descriptor: Descriptor
    package let content: Content

    package var entries: [TarEntry] {
        switch content {
        case .lazy(let reader): reader.table.entries
        case .pulled(let layer): layer.entries
        case .none: []
        }
    }
}

/// What happens while an image is read.
package enum InspectionEvent: Sendable {
    /// A layer that cannot be read lazily is fetched as a whole; layers count from 1.
    case pulling(layer: Int, Descriptor, reason: String)
    /// A layer is passed over.
    case skipping(layer: Int, Descriptor, reason: String)
}

extension Descriptor {
    /// Up to where the snapshotter fetches a layer before the workload starts.
    ///
    /// - Parameter table: that of the layer.
    /// - Returns: the place of the landmark, or without one what an annotation says.
    func prefetchEnd(_ table: TableOfContents) -> Int64 {
        if let landmark = table.landmark { return max(0, landmark.prefetchEnd) }
        return min(max(0, annotation(Annotation.prefetchSize).flatMap { Int64($0) } ?? 0), size)
    }

    /// What this layer's descriptor says of its table of contents; `nil` when it says nothing.
    ///
    /// - Throws: when what it says makes no sense.
    package var tocTrust: LayerReader.Trust? {
        get throws {
            if let text = annotation(Annotation.tocDigest) { return .text(try Digest(parsing: text)) }
            guard
                let text = annotation(Annotation.zstdTOCPosition) ?? annotation(Annotation.olderZstdTOCPosition),
                let digest = annotation(Annotation.zstdTOCDigest) ?? annotation(Annotation.olderZstdTOCDigest)
            else { return nil }
            guard let position = LayerReader.ZstdPosition(text) else {
                throw LayerReadFailure.malformedTOC("the annotation with its position is '\(text.prefix(100))'")
            }
            return .frame(position, try Digest(parsing: digest))
        }
    }
}
