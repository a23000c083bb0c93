/// The root file system that the layers of an image make together, as a container sees it.
///
/// What lies below gives way to what lies above, to whiteouts and to opaque directories (OCI image specification,
/// layer.md, "Representing Changes"). Never fails: what makes no sense is left out, and verification tells of it.
package struct MergedTree: Sendable {
    /// An entry of one of the layers.
    package struct Place: Hashable, Sendable {
        /// Counts the layers from the bottom, which is 0.
        package let layer: Int
        /// Counts the entries of the layer, from 0.
        package let entry: Int

        package init(layer: Int, entry: Int) {
            self.layer = layer
            self.entry = entry
        }
    }

    /// What a path stands for.
    package struct Node: Hashable, Sendable {
        package let path: EntryPath
        /// The entry that gives the name; `nil` for a directory that is there because something lies in it.
        package let name: Place?
        /// The entry that has attributes and data: for a hard link, that of its target.
        package let file: Place?
    }

    /// How many symbolic links a path may lead through, as on Linux.
    static let linkLimit = 40

    /// The entries of each layer, bottom first, as they were given.
    package let layers: [[TarEntry]]
    /// Hard links whose target is not there, or a directory.
    package private(set) var danglingLinks: [Place] = []
    /// How many entries are left out because the names of their directories take too much memory.
    package private(set) var omitted = 0
    /// Paths that were taken away from whatever lies below all layers here, with what lies in them.
    private var removedPaths: Set<EntryPath> = []
    /// Directories of which nothing shows through from below.
    private var opaquePaths: Set<EntryPath> = []
    private var nodes: [EntryPath: Node] = [:]
    private var childNames: [EntryPath: Set<EntryPath>] = [:]
    private var budget = DirectoryBudget()

    /// - Parameters:
    ///   - layers: their entries, bottom first.
    ///   - hidden: paths that are no part of the file system, such as landmarks.
    ///   - showsWhiteouts: whether whiteouts are shown as the files that they are, besides doing what they do.
    package init(_ layers: [[TarEntry]], hiding hidden: Set<EntryPath> = [], showsWhiteouts: Bool = false) {
        self.layers = layers
        nodes[.root] = Node(path: .root, name: nil, file: nil)
        for (number, entries) in layers.enumerated() {
            for entry in entries {
                switch Whiteout(entry.path) {
                case .opaque(let directory):
                    opaquePaths.insert(directory)
                    removeChildren(of: directory)
                case .file(let path):
                    removedPaths.insert(path)
                    remove(path)
                case .other, nil: break
                }
            }
            add(entries, of: number, hiding: hidden, showsWhiteouts: showsWhiteouts)
        }
    }

    /// How many paths there are, the root among them.
    package var count: Int { nodes.count }

    /// What has exactly this path; links are not followed.
    package subscript(path: EntryPath) -> Node? { nodes[path] }

    /// What lies in a directory, by the bytes of the names.
    package func children(of path: EntryPath) -> [Node] {
        (childNames[path] ?? []).sorted().compactMap { nodes[$0] }
    }

    /// Everything below a directory: each directory before what lies in it, by the bytes of the names.
    package func nodes(below path: EntryPath) -> [Node] {
        var found: [Node] = []
        var waiting = Array(children(of: path).reversed())
        while let node = waiting.popLast() {
            found.append(node)
            waiting += children(of: node.path).reversed()
        }
        return found
    }

    /// The entry with the attributes and the data of a node, its path that of the node.
    ///
    /// Directories that no layer has an entry for belong to root and have mode 0755, as readers of eStargz make them.
    package func entry(of node: Node) -> TarEntry {
        guard let file = node.file else {
            var entry = TarEntry(name: node.path.description, kind: .directory, header: .literal([]))
            entry.mode = 0o755
            return entry
        }
        var entry = layers[file.layer][file.entry]
        entry.path = node.path
        return entry
    }

    /// The kind of a node; never a hard link.
    package func kind(of node: Node) -> TarEntry.Kind {
        node.file.map { layers[$0.layer][$0.entry].kind } ?? .directory
    }

    /// Whether nothing that a layer further below has could ever show under this path.
    package func hides(_ path: EntryPath) -> Bool {
        var path = path
        if isSettled(path) { return true }
        while !path.isRoot {
            path = path.directory
            if opaquePaths.contains(path) || isSettled(path) { return true }
        }
        return false
    }

    /// Whether a layer took the path away, or put something there that is no directory.
    private func isSettled(_ path: EntryPath) -> Bool {
        removedPaths.contains(path) || nodes[path].map { kind(of: $0) != .directory } ?? false
    }

    private mutating func add(
        _ entries: [TarEntry], of layer: Int, hiding hidden: Set<EntryPath>, showsWhiteouts: Bool
    ) {
        var forward: [(place: Place, target: EntryPath)] = []
        for (number, entry) in entries.enumerated() {
            guard showsWhiteouts || Whiteout(entry.path) == nil, !hidden.contains(entry.path) else { continue }
            let place = Place(layer: layer, entry: number)
            if case .hardlink(let target) = entry.kind {
                if !link(place, to: EntryPath(target)) { forward.append((place, EntryPath(target))) }
            } else {
                put(Node(path: entry.path, name: place, file: place))
            }
        }
        // Links that stand before their target, and links to those: each chain is followed to its end.
        var waiting = Dictionary(forward.map { (entries[$0.place.entry].path, $0) }) { _, last in last }
        for (place, _) in forward {
            var chain: [(place: Place, target: EntryPath)] = []
            var next = waiting.removeValue(forKey: entries[place.entry].path)
            while let link = next {
                chain.append(link)
                next = waiting.removeValue(forKey: link.target)
            }
            for (place, target) in chain.reversed() where !link(place, to: target) { danglingLinks.append(place) }
        }
    }

    /// Gives a file another name; `false` when there is no such file.
    private mutating func link(_ place: Place, to target: EntryPath) -> Bool {
        let path = layers[place.layer][place.entry].path
        guard let node = nodes[target], let file = node.file, kind(of: node) != .directory else { return false }
        if path != target { put(Node(path: path, name: place, file: file)) }
        return true
    }

    private mutating func put(_ node: Node) {
        guard enterDirectories(above: node.path) else {
            omitted += 1
            return
        }
        if let old = nodes[node.path], kind(of: old) != .directory || kind(of: node) != .directory { remove(node.path) }
        // The root stays a directory, whatever a layer says.
        guard !node.path.isRoot || kind(of: node) == .directory else { return }
        nodes[node.path] = node
        if !node.path.isRoot { childNames[node.path.directory, default: []].insert(node.path) }
    }

    /// Makes the directories above a path that are not there yet; `false` when there is no room for them.
    private mutating func enterDirectories(above path: EntryPath) -> Bool {
        var missing: [EntryPath] = []
        var path = path
        while !path.isRoot {
            path = path.directory
            if let node = nodes[path], kind(of: node) == .directory { break }
            missing.append(path)
        }
        for path in missing.reversed() {
            guard budget.take(path) else { return false }
            remove(path)
            nodes[path] = Node(path: path, name: nil, file: nil)
            childNames[path.directory, default: []].insert(path)
        }
        return true
    }

    private mutating func remove(_ path: EntryPath) {
        guard !path.isRoot, nodes.removeValue(forKey: path) != nil else { return }
        childNames[path.directory]?.remove(path)
        removeChildren(of: path)
    }

    private mutating func removeChildren(of path: EntryPath) {
        var waiting = Array(childNames.removeValue(forKey: path) ?? [])
        while let child = waiting.popLast() {
            nodes[child] = nil
            waiting += childNames.removeValue(forKey: child) ?? []
        }
    }
}

extension MergedTree {
    /// Where a path leads.
    package struct Resolution: Sendable {
        /// What is there; `nil` when nothing is, or links lead in a circle.
        package let node: Node?
        /// The symbolic links that the path leads through, in order.
        package let links: [Node]
        /// The first path on the way where nothing is.
        package let missing: EntryPath?

        init(node: Node?, links: [Node], missing: EntryPath? = nil) {
            self.node = node
            self.links = links
            self.missing = missing
        }
    }

    /// Follows a path as a process would whose root this is: `..` in the root stays there.
    ///
    /// - Parameters:
    ///   - path: as the process would name it; need not begin with a slash.
    ///   - directory: where relative paths begin.
    ///   - followsLast: whether a link at the end of the path is followed as well.
    /// - Returns: what the path leads to, and through which links.
    package func resolve(
        _ path: [UInt8], from directory: EntryPath = .root, followsLast: Bool = true
    ) -> Resolution {
        let slash = UInt8(ascii: "/")
        var waiting = Array(path.split(separator: slash).map(Array.init).reversed())
        // What has a slash behind its name has to be a directory.
        if path.last == slash { waiting.insert([UInt8(ascii: ".")], at: 0) }
        var current = path.first == slash ? EntryPath.root : directory
        var links: [Node] = []
        while let part = waiting.popLast() {
            guard let node = nodes[current], kind(of: node) == .directory else {
                return Resolution(node: nil, links: links, missing: current.appending(part))
            }
            if part == [UInt8(ascii: ".")] { continue }
            if part == Array("..".utf8) {
                current = current.directory
                continue
            }
            guard let next = nodes[current.appending(part)]
            else { return Resolution(node: nil, links: links, missing: current.appending(part)) }
            guard case .symlink(let target) = kind(of: next), followsLast || !waiting.isEmpty else {
                current = next.path
                continue
            }
            links.append(next)
            guard links.count <= Self.linkLimit, !target.isEmpty else { return Resolution(node: nil, links: links) }
            if target.utf8.first == slash { current = .root }
            waiting += Array(target.utf8).split(separator: slash).map(Array.init).reversed()
        }
        return Resolution(node: nodes[current], links: links)
    }
}

/// Gives out what the files of a merged tree hold.
package protocol FileContents: Sendable {
    /// A part of a regular file, checked as far as its layer allows before it is handed on.
    ///
    /// - Parameters:
    ///   - file: the entry that has the data.
    ///   - range: in bytes of the file; must lie within it.
    /// - Returns: exactly the bytes of the range.
    /// - Throws: when they cannot be had, or are not what the image says.
    func bytes(of file: MergedTree.Place, in range: Range<Int64>) async throws -> [UInt8]
}
