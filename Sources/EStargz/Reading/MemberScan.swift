import Archive
import Content
import SystemPackage

/// A blob read to its last byte: where its members begin, and what they inflate to.
struct MemberScan {
    struct Member {
        /// In bytes of the blob.
        let offset: Int64
        /// In bytes of the tar.
        let tarOffset: Int64
    }

    /// Each chunk takes one, and so does what stands between two of them.
    static let memberLimit = 2 * TableOfContents.entryLimit

    private(set) var members: [Member] = []
    private(set) var blob: Digest
    private(set) var blobSize: Int64 = 0
    /// The whole tar; `nil` when a member could not be inflated.
    private(set) var diffID: Digest?
    /// As far as members could be inflated.
    let tar: FileSlice
    /// The digest of the tar before the table of contents.
    private(set) var dataDigest: Digest?
    private(set) var findings = LayerFindings()

    /// - Parameters:
    ///   - source: the blob, which may still be arriving.
    ///   - compression: of its members.
    ///   - dataEnd: where the table of contents, or the footer, begins.
    ///   - limit: how many bytes it may have uncompressed.
    ///   - identity: names the algorithms of the digests.
    ///   - directory: where the tar is kept.
    /// - Throws: when the blob cannot be read, or is larger than the limit.
    init(
        of source: any ByteSource, _ compression: Compression, dataEnd: Int64, limit: Int64,
        like identity: LayerIdentity, in directory: FilePath
    ) throws {
        let spool = try SpoolFile(in: directory)
        var (blobHasher, diffHasher) = (Hasher(identity.digest.algorithm), Hasher(identity.diffID.algorithm))
        let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer {
            input.deallocate()
            output.deallocate()
        }
        var inflater: MemberInflater? = try MemberInflater(compression)
        // Nothing has been read of the member that begins at `position`.
        var isAtStart = true
        while case let filled = try source.read(at: blobSize, into: input), filled > 0 {
            let piece = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(input)[..<filled])
            blobHasher.update(piece)
            var rest = piece
            do {
                while let inflater, !rest.isEmpty {
                    if isAtStart {
                        let offset = blobSize + Int64(filled - rest.count)
                        if offset == dataEnd { dataDigest = diffHasher.finalize() }
                        // Empty ones cost a hostile blob nothing.
                        guard members.count < Self.memberLimit else { throw LayerReadFailure.tooManyMembers }
                        members.append(Member(offset: offset, tarOffset: diffHasher.count))
                        isAtStart = false
                    }
                    let before = rest.count
                    let made = try inflater.inflate(&rest, into: output)
                    let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[..<made])
                    diffHasher.update(bytes)
                    guard diffHasher.count <= limit else { throw TarFailure.tooLarge(limit: limit) }
                    try spool.append(bytes)
                    guard rest.count < before || made > 0 else { throw LayerReadFailure.noProgress }
                    isAtStart = inflater.isBetweenMembers
                }
            } catch let failure as any Failure where failure.kind == .invalid {
                // Where the rest begins cannot be known; it still counts for the digest of the blob.
                inflater = nil
                findings.add(
                    LayerFinding(.members, at: members.last?.offset, "the member cannot be inflated: \(failure)"))
            }
            blobSize += Int64(filled)
        }
        if let inflater, !inflater.isBetweenMembers {
            findings.add(LayerFinding(.members, at: members.last?.offset, "the blob ends within a member"))
        } else if inflater != nil {
            diffID = diffHasher.finalize()
        }
        blob = blobHasher.finalize()
        tar = spool.slice
    }

    /// Where the data of a member begins in the tar; `nil` when no member begins there.
    func tarOffset(ofMemberAt offset: Int64) -> Int64? {
        var range = members.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if members[middle].offset == offset { return members[middle].tarOffset }
            range = members[middle].offset < offset ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }
}
