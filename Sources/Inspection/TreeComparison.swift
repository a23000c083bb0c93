import Archive
import Content
import OCI

/// A file of an image, with what gives out its contents.
package struct ComparedTree: Sendable {
    package let tree: MergedTree
    package let image: LazyImage

    package init(_ tree: MergedTree, of image: LazyImage) {
        self.tree = tree
        self.image = image
    }
}

/// How a path differs between two trees.
package struct TreeDifference: Sendable {
    /// What can be another.
    package enum Aspect: String, Sendable, CaseIterable {
        case type, content, target, device, mode, owner, xattrs, links, time
    }

    package let path: EntryPath
    /// `nil` where the path is not there.
    package let before: TarEntry?
    package let after: TarEntry?
    /// Empty for what is in one tree alone.
    package let aspects: [Aspect]

    /// Bytes that came, less those that went.
    package var growth: Int64 { (after?.size ?? 0).addingSaturated(-(before?.size ?? 0)) }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["path"] = .string(path.description)
        json["change"] = .string(before == nil ? "added" : after == nil ? "removed" : "changed")
        json["before"] = before.map { .integer($0.size) }
        json["after"] = after.map { .integer($0.size) }
        if !aspects.isEmpty { json["aspects"] = .array(aspects.map { .string($0.rawValue) }) }
        return json
    }
}

/// Compares two trees path by path.
package struct TreeComparison: Sendable {
    private let before: ComparedTree
    private let after: ComparedTree
    private let isStrict: Bool
    /// The first name of each file, by which hard links are compared.
    private let names: [[MergedTree.Place: EntryPath]]

    /// - Parameters:
    ///   - before: the tree to start from.
    ///   - after: the tree to get to.
    ///   - isStrict: whether times count, and contents are compared byte by byte instead of by the digests in tables.
    package init(from before: ComparedTree, to after: ComparedTree, isStrict: Bool) {
        self.before = before
        self.after = after
        self.isStrict = isStrict
        names = isStrict ? [before.tree, after.tree].map(Self.firstNames) : []
    }

    private static func firstNames(in tree: MergedTree) -> [MergedTree.Place: EntryPath] {
        Dictionary(tree.nodes(below: .root).compactMap { node in node.file.map { ($0, node.path) } }) { min($0, $1) }
    }

    /// All differences, by the bytes of the paths.
    package func differences() async throws -> [TreeDifference] {
        var differences: [TreeDifference] = []
        if let difference = try await difference(at: .root) { differences.append(difference) }
        var (old, new) = (before.tree.nodes(below: .root)[...], after.tree.nodes(below: .root)[...])
        while let path = [old.first?.path, new.first?.path].compactMap(\.self).min(by: Self.precedes) {
            try Task.checkCancellation()
            if let difference = try await difference(at: path) { differences.append(difference) }
            if old.first?.path == path { old.removeFirst() }
            if new.first?.path == path { new.removeFirst() }
        }
        return differences
    }

    /// The order of `nodes(below:)`: name by name.
    private static func precedes(_ left: EntryPath, _ right: EntryPath) -> Bool {
        let slash = UInt8(ascii: "/")
        return left.bytes.split(separator: slash).lexicographicallyPrecedes(right.bytes.split(separator: slash)) {
            $0.lexicographicallyPrecedes($1)
        }
    }

    private func difference(at path: EntryPath) async throws -> TreeDifference? {
        let (old, new) = (before.tree[path], after.tree[path])
        guard let old, let new else {
            return TreeDifference(
                path: path, before: old.map(before.tree.entry(of:)), after: new.map(after.tree.entry(of:)), aspects: [])
        }
        if isSameFile(old, new) { return nil }
        let (first, second) = (before.tree.entry(of: old), after.tree.entry(of: new))
        var aspects = Self.aspects(first, second)
        if isStrict, Self.seconds(first) != Self.seconds(second) { aspects.append(.time) }
        if isStrict, let file = old.file, let other = new.file, names[0][file] != names[1][other] {
            aspects.append(.links)
        }
        if case .regular(let size) = first.kind, case .regular(let otherSize) = second.kind {
            if size != otherSize {
                aspects.append(.content)
            } else if size > 0, let file = old.file, let other = new.file,
                try await !isEqual(file, other, size: size)
            {
                aspects.append(.content)
            }
        }
        guard !aspects.isEmpty else { return nil }
        return TreeDifference(path: path, before: first, after: second, aspects: aspects)
    }

    /// Whether both are the same entry of the same layer.
    private func isSameFile(_ old: MergedTree.Node, _ new: MergedTree.Node) -> Bool {
        guard let file = old.file, let other = new.file, file.entry == other.entry else { return false }
        return before.image.image.manifest.layers[file.layer].digest
            == after.image.image.manifest.layers[other.layer].digest
    }

    private static func aspects(_ first: TarEntry, _ second: TarEntry) -> [TreeDifference.Aspect] {
        var aspects: [TreeDifference.Aspect] = []
        if first.kind.typeName != second.kind.typeName { aspects.append(.type) }
        // Two spellings of an accented letter are two names, which Swift's strings are not.
        if first.kind.symlinkTarget.map({ Array($0.utf8) }) != second.kind.symlinkTarget.map({ Array($0.utf8) }) {
            aspects.append(.target)
        }
        if first.kind.deviceNumbers.map({ [$0.major, $0.minor] })
            != second.kind.deviceNumbers.map({ [$0.major, $0.minor] })
        {
            aspects.append(.device)
        }
        if first.mode & 0o7777 != second.mode & 0o7777 { aspects.append(.mode) }
        if first.user.id != second.user.id || first.group.id != second.group.id { aspects.append(.owner) }
        let attributes = [first, second].map { entry in
            entry.extendedAttributes.map { [Array($0.name.utf8), $0.value] }
                .sorted { $0[0].lexicographicallyPrecedes($1[0]) }
        }
        if attributes[0] != attributes[1] { aspects.append(.xattrs) }
        return aspects
    }

    /// Tables of contents hold whole seconds, rounded.
    private static func seconds(_ entry: TarEntry) -> Int64 {
        let time = entry.modified
        return time.nanoseconds >= 500_000_000 && time.seconds < Int64.max ? time.seconds + 1 : time.seconds
    }

    private func isEqual(
        _ file: MergedTree.Place, _ other: MergedTree.Place, size: Int64
    ) async throws -> Bool {
        guard isStrict else {
            let digest = try await before.image.digest(of: file, size: size)
            return digest == (try await after.image.digest(of: other, size: size))
        }
        for start in stride(from: 0, to: size, by: 1 << 20) {
            let range = start..<min(start + 1 << 20, size)
            let bytes = try await before.image.bytes(of: file, in: range)
            guard bytes == (try await after.image.bytes(of: other, in: range)) else { return false }
        }
        return true
    }
}
