import Content

/// Why a layer, or a part of it, cannot be read lazily.
package enum LayerReadFailure: Failure {
    case noFooter
    case tocOutside
    case noTOCMember(offset: Int64)
    case tocTooLarge(Int64, limit: Int64)
    case noTOCEntry(String)
    case malformedTOC(String)
    case tooManyEntries(limit: Int)
    case tooManyAttributes(limit: Int)
    case pathsTooDeep(limit: Int)
    case noExternalTOC
    case wrongTOCDigest(expected: Digest, actual: Digest)
    case brokenChunks
    case chunkOutside(offset: Int64)
    case chunkTooLarge(Int64, limit: Int64)
    case chunkTooShort(offset: Int64, expected: Int64, found: Int)
    case noProgress
    case tooManyMembers
    case noChunkDigest(offset: Int64)
    case wrongChunkDigest(offset: Int64, expected: Digest, actual: Digest)

    package var kind: FailureKind {
        switch self {
        case .tocTooLarge, .tooManyEntries, .tooManyAttributes, .pathsTooDeep, .chunkTooLarge, .noChunkDigest:
            .unsupported
        default: .invalid
        }
    }

    package var description: String {
        switch self {
        case .noFooter: "the blob does not end with the footer of a layer with a table of contents"
        case .tocOutside: "the footer leads to a table of contents outside the blob"
        case .noTOCMember(let offset): "the footer leads to byte \(offset), where no member begins"
        case .tocTooLarge(let size, let limit):
            "expected a table of contents of at most \(limit) bytes, not \(size)"
        case .noTOCEntry(let found): "expected stargz.index.json where the footer leads to, found \(found)"
        case .malformedTOC(let reason): "malformed table of contents: \(reason)"
        case .tooManyEntries(let limit): "expected a table of contents with at most \(limit) entries"
        case .tooManyAttributes(let limit):
            "expected a table of contents with at most \(limit) extended attributes for an entry"
        case .pathsTooDeep(let limit):
            "expected a table of contents whose directories have paths of at most \(limit) bytes together"
        case .noExternalTOC: "the table of contents is in another image, which has none for this layer"
        case .wrongTOCDigest(let expected, let actual):
            "expected a table of contents with digest \(expected), not \(actual)"
        case .brokenChunks: "the chunks in the table of contents do not make up the file"
        case .chunkOutside(let offset): "the table of contents leads to data at byte \(offset), outside the blob"
        case .chunkTooLarge(let size, let limit): "expected chunks of at most \(limit) bytes, not \(size)"
        case .chunkTooShort(let offset, let expected, let found):
            "the member at byte \(offset): expected \(expected) bytes of data, found \(found)"
        case .noProgress: "the stream leads nowhere"
        case .tooManyMembers: "expected a blob of at most \(MemberScan.memberLimit) members"
        case .noChunkDigest(let offset): "the data at byte \(offset) has no digest to check it by"
        case .wrongChunkDigest(let offset, let expected, let actual):
            "the member at byte \(offset): expected data with digest \(expected), not \(actual)"
        }
    }
}
