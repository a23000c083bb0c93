import Content

/// An image manifest: one configuration and its layers, bottom first.
package struct Manifest: Sendable {
    package let document: Document
    package let mediaType: MediaType
    package let configuration: Descriptor
    package let layers: [Descriptor]

    /// - Throws: when the document is not a manifest whose descriptors are well-formed.
    package init(_ document: Document, as mediaType: MediaType) throws {
        guard let configuration = document.root["config"] else { throw DocumentFailure.missing("config") }
        guard let layers = document.root["layers"]?.array else { throw DocumentFailure.missing("layers") }
        self.document = document
        self.mediaType = mediaType
        self.configuration = try context("config") { try Descriptor(configuration) }
        self.layers = try layers.enumerated().map { position, layer in
            try context("layer \(position + 1)") { try Descriptor(layer) }
        }
    }

    /// Whether anything in it is a layer of a file system; attestations and other artifacts have none.
    package var hasFilesystem: Bool { layers.contains { $0.mediaType.layerKind != .other } }
}
