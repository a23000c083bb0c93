import Content

/// A manifest, index or configuration: its exact bytes, and the tree that they spell.
package struct Document: Hashable, Sendable {
    package let bytes: [UInt8]
    package let root: JSON

    /// Larger documents are refused, as registries do.
    package static let sizeLimit: Int64 = 4 << 20

    package init(parsing bytes: [UInt8]) throws {
        self.bytes = bytes
        root = try JSON(parsing: bytes)
        guard root.object != nil else { throw DocumentFailure.notAnObject }
    }

    package init(_ root: JSON) {
        self.root = root
        bytes = root.text
    }

    package var digest: Digest { Digest(of: bytes) }

    /// The document after an edit. An edit that changes nothing keeps every byte.
    package func editing(_ change: (inout JSON) throws -> Void) rethrows -> Document {
        var edited = root
        try change(&edited)
        // By their text: Swift takes two spellings of an accented letter for equal, which digests do not.
        return edited.text == root.text ? self : Document(edited)
    }

    package func descriptor(_ mediaType: MediaType) -> Descriptor {
        Descriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count))
    }
}

extension Document: ByteSource {
    package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        bytes.read(at: offset, into: buffer)
    }
}

package enum DocumentFailure: Failure {
    case notAnObject
    case missing(String)
    case negativeSize(Int64)
    case tooLarge(Int64)
    case layerCountMismatch(layers: Int, diffIDs: Int)
    case schema1
    case unexpectedType(MediaType)
    case tooManyManifests(limit: Int)

    package var kind: FailureKind {
        switch self {
        case .schema1, .unexpectedType: .unsupported
        default: .invalid
        }
    }

    package var description: String {
        switch self {
        case .notAnObject: "expected a JSON object"
        case .missing(let field): "field '\(field)' is missing or of the wrong type"
        case .negativeSize(let size): "expected a size of zero or more, not \(size)"
        case .tooLarge(let size): "expected at most \(Document.sizeLimit) bytes, not \(size)"
        case .layerCountMismatch(let layers, let diffIDs):
            "the manifest has \(layers) layers, but the configuration has \(diffIDs) diff_ids"
        case .schema1:
            "a Docker schema 1 manifest has no configuration to edit; pull and push the image with a current tool first"
        case .tooManyManifests(let limit):
            "expected an index that leads to at most \(limit) manifests, but there are more"
        case .unexpectedType(let type): "expected an image manifest or index, not \(type)"
        }
    }
}
