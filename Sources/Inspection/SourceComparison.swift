import Archive
import Content
import EStargz
import OCI
import Transports

/// Proves that an image holds what another one holds, file by file; both are pulled and checked to their last byte.
package struct SourceComparison: Sendable {
    private static let limit = 100

    private let before: LazyImage
    private let after: LazyImage

    /// - Parameters:
    ///   - before: the image that the other was made from; must be one that pulls all layers.
    ///   - after: what was made from it; likewise.
    package init(from before: LazyImage, to after: LazyImage) {
        self.before = before
        self.after = after
    }

    /// What differs; layer by layer where both have as many, else as containers see it.
    ///
    /// - Parameter layer: the only one to compare, counted from 0.
    /// - Returns: what differs, and where.
    /// - Throws: when a layer cannot be read, or is not what the manifest says; or when a layer cannot be compared alone.
    package func findings(only layer: Int? = nil) async throws -> [Finding] {
        let platform = after.image.platform
        guard before.layerCount == after.layerCount else {
            // Nothing in the source is this layer.
            if layer != nil { try before.image.checkLayerCount(asSourceOf: after.image) }
            let differences = try await TreeComparison(
                from: ComparedTree(try await before.tree(), of: before),
                to: ComparedTree(try await after.tree(), of: after), isStrict: true
            ).differences()
            return Self.findings(differences, platform, layer: nil)
        }
        var findings: [Finding] = []
        for number in layer.map({ $0..<$0 + 1 }) ?? 0..<after.layerCount {
            let old = try await tree(of: before, layer: number)
            let new = try await tree(of: after, layer: number)
            let differences = try await TreeComparison(
                from: ComparedTree(old, of: before), to: ComparedTree(new, of: after), isStrict: true
            ).differences()
            findings += Self.findings(differences, platform, layer: number + 1)
        }
        return findings
    }

    /// A layer alone, with its whiteouts as files.
    private func tree(of image: LazyImage, layer number: Int) async throws -> MergedTree {
        var entries = [[TarEntry]](repeating: [], count: image.layerCount)
        entries[number] = try await image.layer(number).entries
        return MergedTree(entries, hiding: SpecialEntry.paths, showsWhiteouts: true)
    }

    private static func findings(
        _ differences: [TreeDifference], _ platform: Platform?, layer: Int?
    ) -> [Finding] {
        let shown = differences.prefix(limit).map { difference in
            let text: String
            switch (difference.before, difference.after) {
            case (nil, _): text = "the source does not have it"
            case (_, nil): text = "the source has it, the image does not"
            default: text = "differs from the source in " + difference.aspects.map(\.rawValue).joined(separator: ", ")
            }
            return Finding(.source, platform: platform, layer: layer, entry: difference.path.description, text)
        }
        let more = differences.count - shown.count
        return shown
            + (more > 0 ? [Finding(.source, platform: platform, layer: layer, "\(more) more paths differ")] : [])
    }
}
