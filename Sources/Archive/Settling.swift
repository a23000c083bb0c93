import Content

/// Brings the entries of a tar into an order in which each path occurs once and hard links follow their targets, so
/// that what is read from a table of contents equals what unpacking the source leaves behind.
///
/// Follows the unpacking, entry by entry: a later entry takes the name from an earlier one, but not the data from hard
/// links that were made to it before. The first of these links then becomes the file.
/// - Throws: `LayerObstacle` when a hard link has no target that a file system could link, or an entry no directory.
package func settle(_ entries: [TarEntry]) throws -> [TarEntry] {
    var tree = UnpackedTree()
    for entry in entries { try tree.unpack(entry) }
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
    /// What lies in each directory, whether or not that has an entry.
    private var children: [EntryPath: Set<EntryPath>] = [:]
    private var budget = DirectoryBudget()
    /// Links whose target had not been seen yet, by their paths.
    private var forwardLinks: [EntryPath: Name] = [:]
    private var position = 0

    mutating func unpack(_ entry: TarEntry) throws {
        position += 1
        try enterDirectories(above: entry)
        if case .hardlink(let target) = entry.kind { return try link(entry, to: target) }
        if entry.kind == .directory, let file = fileOfPath[entry.path], files[file].entry.kind == .directory {
            // A directory that is named again gets new attributes, and keeps its place before its children.
            let place = files[file].names.first?.position ?? position
            files[file] = File(entry: entry, names: [Name(entry: entry, position: place)])
            return
        }
        makeRoom(for: entry)
        fileOfPath[entry.path] = files.count
        files.append(File(entry: entry, names: [Name(entry: entry, position: position)]))
    }

    private mutating func link(_ entry: TarEntry, to target: String) throws {
        let path = EntryPath(target)
        let file = fileOfPath[path]
        if path == entry.path, file != nil { return }
        if let file, files[file].entry.kind == .directory {
            throw LayerObstacle.hardLinkToDirectory(entry.name, target: target)
        }
        makeRoom(for: entry)
        let name = Name(entry: entry, position: position)
        if let file, fileOfPath[path] == file {
            files[file].names.append(name)
            fileOfPath[entry.path] = file
        } else {
            forwardLinks[entry.path] = name
        }
    }

    /// Takes note of the directories above an entry, which need no entry of their own.
    private mutating func enterDirectories(above entry: TarEntry) throws {
        var path = entry.path
        while let parent = path.parent {
            if let file = fileOfPath[parent], files[file].entry.kind != .directory {
                throw LayerObstacle.belowNoDirectory(entry.name, parent: files[file].entry.name)
            }
            let isKnown = children[parent] != nil
            children[parent, default: []].insert(path)
            guard !isKnown else { return }
            guard budget.take(parent) else { throw TarFailure.tooManyDirectories(entry.name) }
            path = parent
        }
    }

    /// Takes away what has the entry's name, and with a directory what lies in it.
    private mutating func makeRoom(for entry: TarEntry) {
        remove(entry.path)
        guard entry.kind != .directory, var waiting = children.removeValue(forKey: entry.path).map(Array.init) else {
            return
        }
        while let child = waiting.popLast() {
            remove(child)
            waiting += children.removeValue(forKey: child) ?? []
        }
    }

    private mutating func remove(_ path: EntryPath) {
        forwardLinks[path] = nil
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

    /// Follows each chain of links to its end, since a link may lead to another one that stands before its target too.
    private mutating func resolveForwardLinks() throws {
        let links = forwardLinks.values.sorted { $0.position < $1.position }
        for link in links {
            var chain: [Name] = []
            var next = forwardLinks.removeValue(forKey: link.entry.path)
            while let name = next, case .hardlink(let target) = name.entry.kind {
                chain.append(name)
                next = forwardLinks.removeValue(forKey: EntryPath(target))
            }
            for name in chain.reversed() { try attach(name) }
        }
    }

    private mutating func attach(_ link: Name) throws {
        guard case .hardlink(let target) = link.entry.kind else { return }
        guard let file = fileOfPath[EntryPath(target)], fileOfPath[link.entry.path] == nil else {
            throw LayerObstacle.danglingHardLink(link.entry.name, target: target)
        }
        guard files[file].entry.kind != .directory else {
            throw LayerObstacle.hardLinkToDirectory(link.entry.name, target: target)
        }
        files[file].names.append(link)
        fileOfPath[link.entry.path] = file
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
