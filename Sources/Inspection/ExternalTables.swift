import Content
import EStargz
import OCI
import Transports

/// The image beside an image that holds the tables of contents of its layers.
package struct ExternalTables: Sendable {
    private struct Opened: Sendable {
        let source: any ImageSource
        /// By the layer that they belong to.
        let tables: [Digest: Descriptor]
    }

    private let opened: OnDemand<Opened?>

    /// - Parameter open: opens the image with the tables; `nil` when the image has no name that it could have one beside.
    package init(opening open: @escaping @Sendable () throws -> (any ImageSource)?) {
        opened = OnDemand {
            guard let source = try open() else { return nil }
            do {
                return Opened(source: source, tables: try await Self.tables(in: source))
            } catch let failure as any Failure where failure.kind == .notFound {
                return nil
            }
        }
    }

    /// The compressed table of a layer; `nil` when there is none.
    func table(of layer: Digest) async throws -> [UInt8]? {
        try await context("the image with its table of contents") { try await fetchTable(of: layer) }
    }

    private func fetchTable(of layer: Digest) async throws -> [UInt8]? {
        guard let opened = try await opened.value, let table = opened.tables[layer] else { return nil }
        guard table.size <= TableOfContents.compressedLimit else {
            throw LayerReadFailure.tocTooLarge(table.size, limit: TableOfContents.compressedLimit)
        }
        return try await opened.source.withBlob(table, progress: { _ in }) { blob in
            try await onThread {
                try [UInt8](unsafeUninitializedCapacity: Int(table.size)) { buffer, filled in
                    try blob.readAll(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
                    filled = Int(table.size)
                }
            }
        }
    }

    private static func tables(in source: any ImageSource) async throws -> [Digest: Descriptor] {
        let root = try await source.resolve()
        let document = try await source.document(root)
        var manifests = [(document, root.mediaType)]
        if root.mediaType.isIndex {
            manifests = []
            for child in try Index(document, as: root.mediaType).manifests.prefix(100) where child.mediaType.isManifest
            {
                manifests.append((try await source.document(child), child.mediaType))
            }
        }
        var tables: [Digest: Descriptor] = [:]
        for (document, type) in manifests {
            for table in try Manifest(document, as: type).layers {
                guard let layer = table.annotation(Annotation.layerDigest) else { continue }
                tables[try Digest(parsing: layer)] = table
            }
        }
        return tables
    }
}
