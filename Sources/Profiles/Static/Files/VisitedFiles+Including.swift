import Archive

extension VisitedFiles {
    /// What a configuration file includes: a path, or a pattern as shells know it.
    ///
    /// - Parameters:
    ///   - text: as it stands there.
    ///   - directory: where it begins, unless with a slash.
    /// - Returns: the regular files, by the bytes of their paths, without hidden ones that the pattern does not name.
    func included(_ text: String, from directory: EntryPath) -> [MergedTree.Node] {
        guard PathPattern.isPattern(text) else { return [findFile(text, from: directory)].compactMap { $0 } }
        // Links may lead to where the pattern begins; within it they are not followed.
        let parts = text.split(separator: "/")
        let plain = parts.prefix { !PathPattern.isPattern($0) }
        let start = (text.hasPrefix("/") ? "/" : "./") + plain.joined(separator: "/")
        // A malformed pattern includes nothing.
        guard let place = findDirectory(start, from: directory),
            let pattern = try? PathPattern(
                ([place.isRoot ? "" : place.description] + parts.dropFirst(plain.count).map(String.init))
                    .joined(separator: "/"))
        else { return [] }
        let isHiddenNamed = parts.last?.hasPrefix(".") == true
        return pattern.matches(in: tree).filter { isHiddenNamed || $0.name.first != UInt8(ascii: ".") }
            .compactMap { findFile($0) }
    }
}
