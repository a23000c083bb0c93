/// What an entry takes away from the layers below instead of adding something (OCI image specification, layer.md,
/// "Whiteouts").
package enum Whiteout: Hashable, Sendable {
    /// The file or directory of this path, with all that lies in it.
    case file(EntryPath)
    /// All that lies in this directory.
    case opaque(EntryPath)
    /// What AUFS keeps for itself; readers pass over it.
    case other

    /// `nil` for the path of an ordinary entry.
    package init?(_ path: EntryPath) {
        let name = path.name
        guard name.starts(with: Self.prefix) else { return nil }
        let rest = Array(name.dropFirst(Self.prefix.count))
        if rest == Array(".wh..opq".utf8) {
            self = .opaque(path.directory)
        } else if rest.isEmpty || rest.starts(with: Self.prefix) {
            self = .other
        } else {
            self = .file(path.directory.appending(rest))
        }
    }

    /// The paths of the entries that take away what lies below at this path, or in it.
    package static func paths(takingAway path: EntryPath) -> [EntryPath] {
        let opaque = path.appending(prefix + Array(".wh..opq".utf8))
        return path.isRoot ? [opaque] : [path.directory.appending(prefix + path.name), opaque]
    }

    private static let prefix = Array(".wh.".utf8)
}
