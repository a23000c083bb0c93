import Content

/// What an image says of one of its layers.
package struct LayerIdentity: Sendable {
    package let digest: Digest
    /// Bytes of the compressed blob.
    package let size: Int64
    package let diffID: Digest

    package init(digest: Digest, size: Int64, diffID: Digest) {
        self.digest = digest
        self.size = size
        self.diffID = diffID
    }
}

package enum LayerIdentityFailure: Failure {
    case size(expected: Int64, actual: Int64)
    case diffID(expected: Digest, actual: Digest)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .size(let expected, let actual): "expected a blob of \(expected) bytes, not \(actual)"
        case .diffID(let expected, let actual):
            "the image's configuration expects the uncompressed layer to be \(expected), not \(actual)"
        }
    }
}
