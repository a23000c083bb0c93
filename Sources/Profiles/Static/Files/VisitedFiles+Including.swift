import Archive

extension VisitedFiles {
    /// What a configuration file includes: a path, or a pattern as shells know it.
    ///
    /// Everything that a pattern is compared with counts as a lookup.
    ///
    /// - Parameters:
    ///   - text: as it stands there.
    ///   - directory: where it begins, unless with a slash.
    /// - Returns: the regular files, by the bytes of their paths, without hidden ones that the pattern does not name.
    func included(_ text: String, from directory: EntryPath) -> [MergedTree.Node] {
        guard PathPattern.isPattern(text) else { return [findFile(text, from: directory)].compactMap { $0 } }
        // No path is longer, and a malformed pattern includes nothing.
        guard text.utf8.count <= 4096, (try? PathPattern(text)) != nil else { return [] }
        // Links may lead to where the pattern begins; within it they are not followed.
        let parts = text.split(separator: "/").filter { $0 != "." }
        let plain = parts.prefix { !PathPattern.isPattern($0) }
        let start = (text.hasPrefix("/") ? "/" : "./") + plain.joined(separator: "/")
        guard let place = findDirectory(start, from: directory) else { return [] }
        var found = [place]
        for part in parts.dropFirst(plain.count) {
            let pattern = ShellPattern(String(part))
            let isHiddenNamed = part.hasPrefix(".")
            var next: [EntryPath] = []
            for directory in found {
                // A comparison takes longer than a lookup, and the longer the pattern is.
                for node in children(of: directory) where spend(3 + part.utf8.count / 16) {
                    guard isHiddenNamed || node.path.name.first != UInt8(ascii: ".") else { continue }
                    if pattern.matches(node.path.name.text) { next.append(node.path) }
                }
            }
            found = next
        }
        return found.sorted().compactMap { findFile($0) }
    }
}
