import Archive
import Content

/// Compares a table of contents with the tar that it describes, entry by entry, and their data with its digests.
struct TarComparison {
    let reader: LayerReader
    let scan: MemberScan
    let layer: InflatedLayer

    private var table: TableOfContents { reader.table }

    func run(_ findings: inout LayerFindings) throws {
        let names = (table: Self.names(of: table.entries), tar: Self.names(of: layer.entries))
        var (position, other) = (0, 0)
        while position < table.entries.count || other < layer.entries.count {
            let entry = position < table.entries.count ? table.entries[position] : nil
            let found = other < layer.entries.count ? layer.entries[other] : nil
            if let entry, let found, entry.name.isSameText(as: found.name) {
                compare(entry, found, &findings)
                try compareData(of: position, with: found, &findings)
                position += 1
                other += 1
            } else if let found, !names.table.contains(Array(found.name.utf8)) {
                findings.add(LayerFinding(.tar, entry: found.name, "the tar has it, the table of contents does not"))
                other += 1
            } else if let entry, !names.tar.contains(Array(entry.name.utf8)) {
                findings.add(LayerFinding(.tar, entry: entry.name, "the table of contents has it, the tar does not"))
                position += 1
            } else {
                let name = entry?.name ?? found?.name
                return findings.add(LayerFinding(.order, entry: name, "the tar has it in another place"))
            }
        }
    }

    /// By their bytes: two spellings of an accented letter are two names, which Swift's strings are not.
    private static func names(of entries: [TarEntry]) -> Set<[UInt8]> { Set(entries.map { Array($0.name.utf8) }) }

    private func compare(_ entry: TarEntry, _ found: TarEntry, _ findings: inout LayerFindings) {
        var differences: [String] = []
        func check(_ what: String, _ table: String, _ tar: String) {
            if !table.isSameText(as: tar) {
                differences.append("\(what) \(table.prefix(100).printable) instead of \(tar.prefix(100).printable)")
            }
        }
        check("type", entry.kind.text, found.kind.text)
        check("mode", String(entry.mode & 0o7777, radix: 8), String(found.mode & 0o7777, radix: 8))
        check("owner", "\(entry.user.id):\(entry.group.id)", "\(found.user.id):\(found.group.id)")
        check("time", entry.modified.text, expectedTime(found.modified).text)
        check("xattrs", Self.text(of: entry.extendedAttributes), Self.text(of: found.extendedAttributes))
        guard !differences.isEmpty else { return }
        findings.add(
            LayerFinding(
                .tar, entry: entry.name, "the table of contents says " + differences.joined(separator: ", ")))
    }

    /// What the table holds of a time: whole seconds, and nothing of what readers could not read.
    private func expectedTime(_ time: TarEntry.Time) -> TarEntry.Time {
        if reader.format == .containersZstdChunked { return time }
        return time.tocText.flatMap { TarEntry.Time(rfc3339: $0) } ?? TarEntry.Time(seconds: 0)
    }

    private static func text(of attributes: [TarEntry.ExtendedAttribute]) -> String {
        attributes.map { "\($0.name)=\(Base64.text(of: $0.value))" }.sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }.joined(separator: ",")
    }

    /// Looks where the chunks of a file are, and hashes them as they stand in the tar.
    private func compareData(of position: Int, with found: TarEntry, _ findings: inout LayerFindings) throws {
        let entry = table.entries[position]
        guard entry.size > 0, found.size == entry.size, !table.broken.contains(position) else { return }
        guard case .source(let range)? = found.payload.first, found.payload.count == 1 else {
            return findings.add(LayerFinding(.tar, entry: entry.name, "the tar has holes in the file"))
        }
        var whole = Hasher()
        for chunk in table.chunkSlice(of: position) {
            let start = range.lowerBound + chunk.fileOffset
            if !chunk.isHole {
                switch scan.tarOffset(ofMemberAt: chunk.offset) {
                case nil:
                    findings.add(
                        LayerFinding(
                            .memberStart, entry: entry.name, at: chunk.offset,
                            "no member begins at byte \(chunk.offset)"))
                case let member? where member.addingSaturated(chunk.innerOffset) != start:
                    findings.add(
                        LayerFinding(
                            .memberStart, entry: entry.name, at: chunk.offset,
                            "the member at byte \(chunk.offset) holds other data there"))
                default: break
                }
            }
            var hasher = Hasher()
            var isZero = true
            try layer.tar.forEachPiece(from: start, upTo: start + chunk.size) { piece in
                hasher.update(piece)
                whole.update(piece)
                if chunk.isHole, isZero { isZero = piece.allSatisfy { $0 == 0 } }
            }
            if !isZero {
                findings.add(
                    LayerFinding(
                        .chunkDigest, entry: entry.name,
                        "the table of contents says zeros from byte \(chunk.fileOffset) of it on, the tar has others"))
            }
            let digest = hasher.finalize()
            if let expected = chunk.digest?.digest, expected != digest, !chunk.isHole {
                findings.add(
                    LayerFinding(
                        .chunkDigest, entry: entry.name, at: chunk.offset,
                        "expected data with digest \(expected), not \(digest)"))
            }
        }
        let digest = whole.finalize()
        if let expected = table.digest(of: position), expected != digest {
            findings.add(
                LayerFinding(.fileDigest, entry: entry.name, "expected a file with digest \(expected), not \(digest)"))
        }
    }
}

extension TarEntry.Time {
    fileprivate var text: String { nanoseconds == 0 ? "\(seconds)" : "\(seconds)+\(nanoseconds)ns" }
}

extension TarEntry.Kind {
    fileprivate var text: String {
        switch self {
        case .regular(let size): "file of \(size) bytes"
        case .directory: "directory"
        case .symlink(let target): "symlink to '\(target)'"
        case .hardlink(let target): "hard link to '\(target)'"
        case .characterDevice(let major, let minor): "character device \(major):\(minor)"
        case .blockDevice(let major, let minor): "block device \(major):\(minor)"
        case .fifo: "fifo"
        }
    }
}
