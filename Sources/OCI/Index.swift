import Content

/// An index: manifests for several platforms, and what speaks of them.
package struct Index: Sendable {
    package let document: Document
    package let mediaType: MediaType
    package let manifests: [Descriptor]

    /// - Throws: when the document is not an index whose descriptors are well-formed.
    package init(_ document: Document, as mediaType: MediaType) throws {
        guard let manifests = document.root["manifests"]?.array else { throw DocumentFailure.missing("manifests") }
        self.document = document
        self.mediaType = mediaType
        self.manifests = try manifests.enumerated().map { position, manifest in
            try context("manifest \(position)") { try Descriptor(manifest) }
        }
    }
}

extension Descriptor {
    /// Whether this is a manifest that BuildKit put beside an image to hold attestations.
    package var isAttestation: Bool { annotation(Annotation.referenceType) == "attestation-manifest" }
}
