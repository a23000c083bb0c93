import Content

/// Brings the entries of a tar into an order in which each path occurs once and hard links follow their targets, so
/// that what is read from a table of contents equals what unpacking the source leaves behind.
///
/// Follows the unpacking, entry by entry: a later entry takes the name from an earlier one, but not the data from hard
/// links that were made to it before. The first of these links then becomes the file.
/// - Throws: `LayerObstacle.danglingHardLink` when a target is not in the layer.
package func settle(_ entries: [TarEntry]) throws -> [TarEntry] {
    var tree = UnpackedTree()
    for entry in entries { tree.unpack(entry) }
    return try tree.settled()
}

/// What unpacking leaves behind, names and files apart.
private struct UnpackedTree {
    /// A file with all its names.
    private struct File {
        let entry: TarEntry
        /// Names in the order in which they were made; those that were taken away are gone.
        var names: [Name]
    }

    private struct Name {
        let entry: TarEntry
        /// Where in the tar the name was made.
        let position: Int
    }

    private var files: [File] = []
    private var fileOfPath: [EntryPath: Int] = [:]
    /// Links whose target had not been seen yet.
    private var forwardLinks: [Name] = []
    private var position = 0

    mutating func unpack(_ entry: TarEntry) {
        position += 1
        if case .hardlink(let target) = entry.kind {
            let path = EntryPath(target)
            if path == entry.path, fileOfPath[path] != nil { return }
            guard let file = fileOfPath[path], path != entry.path else {
                remove(entry.path)
                forwardLinks.append(Name(entry: entry, position: position))
                return
            }
            remove(entry.path)
            files[file].names.append(Name(entry: entry, position: position))
            fileOfPath[entry.path] = file
            return
        }
        if entry.kind == .directory, let file = fileOfPath[entry.path], files[file].entry.kind == .directory {
            // A directory that is named again gets new attributes, and keeps its place before its children.
            let place = files[file].names.first?.position ?? position
            files[file] = File(entry: entry, names: [Name(entry: entry, position: place)])
            return
        }
        let replaced = fileOfPath[entry.path].map { files[$0].entry.kind }
        remove(entry.path)
        if replaced == .directory {
            // What lay in a directory goes when something else takes its name.
            for child in fileOfPath.keys.filter({ $0.isBelow(entry.path) }) { remove(child) }
        }
        fileOfPath[entry.path] = files.count
        files.append(File(entry: entry, names: [Name(entry: entry, position: position)]))
    }

    private mutating func remove(_ path: EntryPath) {
        forwardLinks.removeAll { $0.entry.path == path }
        guard let file = fileOfPath.removeValue(forKey: path) else { return }
        files[file].names.removeAll { $0.entry.path == path }
    }

    /// All names in order, each file's data under the first of them.
    mutating func settled() throws -> [TarEntry] {
        try resolveForwardLinks()
        var placed: [(position: Int, order: Int, entry: TarEntry)] = []
        for file in files {
            guard let first = file.names.first else { continue }
            placed.append((first.position, 0, file.entry.renamed(as: first.entry)))
            for (order, link) in file.names.dropFirst().enumerated() {
                // A link that stood before its target moves behind it.
                let place = max(link.position, first.position)
                placed.append((place, order + 1, link.entry.linked(to: first.entry.name)))
            }
        }
        return placed.sorted { ($0.position, $0.order) < ($1.position, $1.order) }.map(\.entry)
    }

    private mutating func resolveForwardLinks() throws {
        var links = forwardLinks
        while !links.isEmpty {
            var rest: [Name] = []
            for link in links {
                guard case .hardlink(let target) = link.entry.kind else { continue }
                if let file = fileOfPath[EntryPath(target)], fileOfPath[link.entry.path] == nil {
                    files[file].names.append(link)
                    fileOfPath[link.entry.path] = file
                } else {
                    rest.append(link)
                }
            }
            guard rest.count < links.count else {
                let link = links[0].entry
                guard case .hardlink(let target) = link.kind else { return }
                throw LayerObstacle.danglingHardLink(link.name, target: target)
            }
            links = rest
        }
    }
}

extension TarEntry {
    /// The same file under the name of one of its links.
    fileprivate func renamed(as link: TarEntry) -> TarEntry {
        guard link.path != path else { return self }
        var result = self
        result.name = link.name
        result.path = link.path
        result.header = .literal(result.encodedHeader())
        return result
    }

    /// The same link, to another name of the same file.
    fileprivate func linked(to name: String) -> TarEntry {
        guard case .hardlink(let target) = kind, EntryPath(target) != EntryPath(name) else { return self }
        var result = self
        result.kind = .hardlink(target: name)
        result.header = .literal(result.encodedHeader())
        return result
    }
}
