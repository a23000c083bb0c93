import Archive
import Content

extension TableOfContents {
    /// What is wrong in the table as a whole, as far as it can be told without the blob.
    package func checked() -> LayerFindings {
        var findings = findings
        checkPaths(&findings)
        checkOrder(&findings)
        checkLandmarks(&findings)
        if entries.isEmpty {
            findings.add(LayerFinding(.toc, "a table without entries, which snapshotters before 0.18 refuse"))
        }
        return findings
    }

    /// Paths are unique and lie in directories; hard links follow the files that they name.
    private func checkPaths(_ findings: inout LayerFindings) {
        var seen: [EntryPath: Int] = [:]
        // Directories without an entry, at least so far.
        var implied: Set<EntryPath> = []
        for (position, entry) in entries.enumerated() {
            if Self.leadsOut(entry.name) {
                findings.add(LayerFinding(.paths, entry: entry.name, "the name leads out of the root"))
            }
            if entry.name.utf8.contains(0) {
                findings.add(LayerFinding(.paths, entry: entry.name, "the name holds a zero byte"))
            }
            if entry.path.isRoot, entry.kind != .directory {
                findings.add(LayerFinding(.paths, entry: entry.name, "the root is no directory"))
            }
            if entry.path == Self.stateDirectory || entry.path.isBelow(Self.stateDirectory) {
                findings.add(
                    LayerFinding(.paths, entry: entry.name, "the snapshotter has a directory of its own there"))
            }
            if entry.kind != .directory, implied.contains(entry.path) {
                findings.add(LayerFinding(.paths, entry: entry.name, "other entries lie below what is no directory"))
            }
            var parent = entry.path.parent
            while let above = parent, seen[above] == nil, implied.insert(above).inserted { parent = above.parent }
            if let above = parent, let position = seen[above], entries[position].kind != .directory {
                findings.add(
                    LayerFinding(.paths, entry: entry.name, "'\(above.description.printable)' is no directory"))
            }
            if case .hardlink(let target) = entry.kind { checkLink(entry, to: target, seen, &findings) }
            if seen.updateValue(position, forKey: entry.path) != nil {
                findings.add(LayerFinding(.paths, entry: entry.name, "the path occurs twice"))
            }
        }
    }

    /// Where the snapshotter shows its state in each layer (`fs/layer/node.go`).
    private static let stateDirectory = EntryPath(".stargz-snapshotter")

    /// Whether a name has more `..` than directories before it.
    private static func leadsOut(_ name: String) -> Bool {
        var depth = 0
        for part in name.utf8.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            depth += part.elementsEqual("..".utf8) ? -1 : 1
            if depth < 0 { return true }
        }
        return false
    }

    private func checkLink(
        _ entry: TarEntry, to target: String, _ seen: [EntryPath: Int], _ findings: inout LayerFindings
    ) {
        let shown = target.prefix(200).printable
        guard let position = seen[EntryPath(target)] else {
            return findings.add(
                LayerFinding(.links, entry: entry.name, "the link's target '\(shown)' does not come before it"))
        }
        if entries[position].kind == .directory {
            findings.add(LayerFinding(.links, entry: entry.name, "the link's target '\(shown)' is a directory"))
        }
    }

    /// Data stands in the order of the blob, and all but the first member begin with data.
    private func checkOrder(_ findings: inout LayerFindings) {
        var last: Chunk?
        for (position, entry) in entries.enumerated() {
            for chunk in chunkSlice(of: position) where !chunk.isHole {
                if let last, (chunk.offset, chunk.innerOffset) <= (last.offset, last.innerOffset) {
                    findings.add(
                        LayerFinding(
                            .order, entry: entry.name, at: chunk.offset,
                            "the data stands at byte \(chunk.offset), but follows that at byte \(last.offset)"))
                } else if chunk.innerOffset > 0, chunk.offset > 0, chunk.offset != last?.offset {
                    findings.add(
                        LayerFinding(
                            .order, entry: entry.name, at: chunk.offset,
                            "the first data of a member begins at byte \(chunk.innerOffset) of it, not at its start"))
                }
                last = chunk
            }
        }
    }

    private func checkLandmarks(_ findings: inout LayerFindings) {
        let names = [SpecialEntry.prefetchLandmark.path, SpecialEntry.noPrefetchLandmark.path]
        let landmarks = entries.indices.filter { names.contains(entries[$0].path) }
        if Set(landmarks.map { entries[$0].path }).count > 1 {
            findings.add(LayerFinding(.landmark, "both landmarks are there, and say the opposite of each other"))
        }
        for position in landmarks {
            let entry = entries[position]
            let chunks = chunkSlice(of: position)
            guard entry.kind == .regular(size: 1), let chunk = chunks.first, chunks.count == 1 else {
                findings.add(LayerFinding(.landmark, entry: entry.name, "expected a file of one byte"))
                continue
            }
            if chunk.innerOffset != 0 {
                findings.add(
                    LayerFinding(
                        .landmark, entry: entry.name, at: chunk.offset, "the landmark does not begin a member"))
            }
            if let digest = chunk.digest, digest != CompactDigest(Digest(of: [0x0f])) {
                findings.add(
                    LayerFinding(
                        .landmark, entry: entry.name, at: chunk.offset, "expected the byte 0x0f, not another one"))
            }
        }
    }
}
