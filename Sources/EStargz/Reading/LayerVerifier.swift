import Archive
import Content
import SystemPackage

/// What is found when a layer is read to its last byte.
package struct LayerVerification: Sendable {
    package internal(set) var findings = LayerFindings()
    /// Bytes of the tar; `nil` when not all of it could be inflated.
    package internal(set) var tarSize: Int64?

    package init() {}
}

/// Compares a lazy layer with all that its format, its manifest and its own table of contents promise.
package struct LayerVerifier {
    private let reader: LayerReader
    private let identity: LayerIdentity
    private let limit: Int64
    private let directory: FilePath

    /// - Parameters:
    ///   - reader: the layer with its table.
    ///   - identity: what the image says of the layer.
    ///   - limit: how many bytes it may have uncompressed.
    ///   - directory: where its tar is kept meanwhile.
    package init(_ reader: LayerReader, expecting identity: LayerIdentity, limit: Int64, in directory: FilePath) {
        self.reader = reader
        self.identity = identity
        self.limit = limit
        self.directory = directory
    }

    /// Reads the blob, which may still be arriving, and looks at everything.
    ///
    /// - Throws: when it cannot be read, or is larger than the limit; never for what is wrong with it.
    package func verify(_ blob: any ByteSource) throws -> LayerVerification {
        var result = LayerVerification()
        result.findings.add(reader.table.checked())
        let scan = try MemberScan(
            of: blob, reader.format.isZstd ? .zstd : .gzip, dataEnd: reader.dataEnd, limit: limit, like: identity,
            in: directory)
        result.findings.add(named(scan.findings))
        checkIdentity(scan, &result)
        try checkFooter(blob, scan, &result.findings)
        try checkHeaders(blob, scan, &result.findings)
        guard let dataDigest = scan.dataDigest, let dataEnd = scan.tarOffset(ofMemberAt: reader.dataEnd) else {
            result.findings.add(
                LayerFinding(
                    .memberStart, at: reader.dataEnd,
                    "no member begins at byte \(reader.dataEnd), where the data of files ends"))
            return result
        }
        if reader.format == .estargz || reader.format == .stargz {
            try checkTOCMember(scan, from: dataEnd, &result.findings)
        }
        let tar = FileSlice(scan.tar.file, 0..<dataEnd)
        do {
            let layer = try InflatedLayer(tar: tar, digest: dataDigest, limit: limit)
            try TarComparison(reader: reader, scan: scan, layer: layer).run(&result.findings)
        } catch let failure as any Failure where [.invalid, .unsupported].contains(failure.kind) {
            result.findings.add(LayerFinding(.tar, "the tar cannot be read: \(failure)"))
        }
        return result
    }

    /// Says whose data a member holds.
    private func named(_ findings: LayerFindings) -> LayerFindings {
        var result = LayerFindings()
        for finding in findings.all {
            result.add(
                LayerFinding(
                    finding.promise, entry: finding.offset.flatMap(reader.table.entryName(at:)), at: finding.offset,
                    finding.text))
        }
        return result
    }

    private func checkIdentity(_ scan: MemberScan, _ result: inout LayerVerification) {
        if scan.blobSize != identity.size {
            result.findings.add(
                LayerFinding(.blobSize, "expected a blob of \(identity.size) bytes, not \(scan.blobSize)"))
        }
        if scan.blob != identity.digest {
            result.findings.add(LayerFinding(.blobDigest, "expected a blob \(identity.digest), not \(scan.blob)"))
        }
        guard let diffID = scan.diffID else { return }
        result.tarSize = scan.tar.count
        if diffID != identity.diffID {
            result.findings.add(
                LayerFinding(
                    .diffID, "the configuration expects the inflated layer to be \(identity.diffID), not \(diffID)"))
        }
    }

    private func checkFooter(_ blob: any ByteSource, _ scan: MemberScan, _ findings: inout LayerFindings) throws {
        guard let expected = reader.footer?.canonicalBytes, scan.blobSize >= Int64(expected.count) else { return }
        let start = scan.blobSize - Int64(expected.count)
        let found = try blob.bytes(at: start, count: expected.count)
        if let position = expected.indices.first(where: { expected[$0] != found[$0] }) {
            findings.add(
                LayerFinding(
                    .footer, at: start + Int64(position),
                    "expected byte \(expected[position]) in the footer, not \(found[position])"))
        }
    }

    /// Members of one writer have one header: no time, no name, no comment.
    private func checkHeaders(_ blob: any ByteSource, _ scan: MemberScan, _ findings: inout LayerFindings) throws {
        guard !reader.format.isZstd, let first = scan.members.first else { return }
        let end = scan.blobSize - Int64(reader.footer?.count ?? 0)
        let expected = try blob.bytes(at: first.offset, count: 10)
        // Level and system are what each writer says.
        let plain: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, expected[8], expected[9]]
        for member in scan.members where member.offset < end {
            let found = try blob.bytes(at: member.offset, count: 10)
            guard found != plain else { continue }
            return findings.add(
                LayerFinding(
                    .members, entry: reader.table.entryName(at: member.offset), at: member.offset,
                    "expected the header of a gzip member without time and name, as those before"))
        }
    }

    /// Behind the table's text come zeros up to the next block, two blocks of zeros, the footer, and nothing else.
    private func checkTOCMember(_ scan: MemberScan, from start: Int64, _ findings: inout LayerFindings) throws {
        let (text, size) = (reader.tocTextSize, scan.tar.count)
        let expected = start + 512 + text + text.tarPadding + 1024
        if scan.diffID != nil, scan.members.count(where: { $0.offset >= reader.dataEnd }) != 2 {
            findings.add(
                LayerFinding(
                    .members, at: reader.dataEnd, "expected the table of contents and the footer, and nothing else"))
        }
        guard size == expected else {
            return findings.add(
                LayerFinding(
                    .tar, at: reader.dataEnd,
                    "expected a tar of \(expected) bytes with the table of contents, not \(size)"))
        }
        let rest = FileSlice(scan.tar.file, start + 512 + text..<size)
        if try rest.bytes().contains(where: { $0 != 0 }) {
            findings.add(LayerFinding(.tar, at: reader.dataEnd, "bytes follow the table of contents in the tar"))
        }
    }
}

extension ByteSource {
    /// Bytes that have to be there; zeros where the blob ends first.
    fileprivate func bytes(at offset: Int64, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < count,
                case let filled = try read(
                    at: offset + Int64(done), into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...])),
                filled > 0
            {
                done += filled
            }
        }
        return bytes
    }
}

extension TableOfContents {
    /// The first file whose data begins in the member at an offset.
    func entryName(at offset: Int64) -> String? {
        guard let chunk = chunks.firstIndex(where: { $0.offset == offset && !$0.isHole }),
            let entry = firstChunks.lastIndex(where: { $0 <= chunk })
        else { return nil }
        return entries[entry].name
    }
}
