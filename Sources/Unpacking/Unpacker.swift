import Archive
import Content
import Glibc
import SystemPackage

/// Writes the merged file system of an image, or a part of it, into a directory of the machine.
///
/// Never outside that directory, whatever the image says and whatever is in the directory already: every directory is
/// opened anew below the first one with `openat2`, and everything else is made by a name without a slash.
package struct Unpacker: Sendable {
    let tree: MergedTree
    let contents: any FileContents

    package init(_ tree: MergedTree, _ contents: any FileContents) {
        self.tree = tree
        self.contents = contents
    }

    /// Writes what a path stands for, with everything below: the root fills `directory`, which takes its attributes;
    /// anything else becomes a part of `directory` under its last name.
    ///
    /// What is there already is replaced, and never followed; directories that are there stay, with what they hold.
    /// Owners, devices and extended attributes that the system does not permit to set are left out and counted. A
    /// file that misses its owner misses set-uid and set-gid as well.
    ///
    /// - Parameters:
    ///   - path: in the image; links are not followed.
    ///   - directory: made when it is missing, but not the directories above it.
    /// - Returns: what was left out.
    /// - Throws: when the path is not in the image, its contents cannot be had, or the directory cannot be written.
    package func unpack(_ path: EntryPath = .root, into directory: FilePath) async throws -> Shortfall {
        guard let node = tree[path] else { throw UnpackingFailure.noSuchPath(path) }
        if mkdir(directory.string, 0o755) != 0, errno != EEXIST {
            let error = Errno(rawValue: errno)
            guard error != .noSuchFileOrDirectory else { throw UnpackingFailure.noParent(directory) }
            throw FileFailure.cannot("make the directory", directory, error)
        }
        do {
            var run = Unpacking(
                tree: tree, contents: contents, base: path.directory, directory: directory,
                root: try OpenDirectory(directory))
            try await run.unpack(node)
            return run.shortfall
        } catch let error as Errno {
            throw FileFailure.cannot("open the directory", directory, error)
        }
    }
}

/// The state of one call of `unpack`.
private struct Unpacking {
    let tree: MergedTree
    let contents: any FileContents
    /// The directory of the image that `root` stands for.
    let base: EntryPath
    let directory: FilePath
    let root: OpenDirectory
    var shortfall = Shortfall()
    /// Where files were made first, for their hard links.
    private var made: [MergedTree.Place: EntryPath] = [:]

    init(tree: MergedTree, contents: any FileContents, base: EntryPath, directory: FilePath, root: OpenDirectory) {
        self.tree = tree
        self.contents = contents
        self.base = base
        self.directory = directory
        self.root = root
    }

    mutating func unpack(_ top: MergedTree.Node) async throws {
        guard tree.kind(of: top) == .directory else { return try await make(top, in: root) }
        if !top.path.isRoot { try makeDirectory(top, in: root) }
        // A list in place of recursion: how deep an image goes is not ours to say.
        var waiting = [top]
        var directories: [MergedTree.Node] = []
        while let node = waiting.popLast() {
            directories.append(node)
            let parent = try open(node.path)
            for child in tree.children(of: node.path) {
                try Task.checkCancellation()
                if tree.kind(of: child) == .directory {
                    try makeDirectory(child, in: parent)
                    waiting.append(child)
                } else {
                    try await make(child, in: parent)
                }
            }
        }
        // Last, because a mode may forbid to write, and writing changes the time.
        for node in directories.reversed() {
            try setAttributes(tree.entry(of: node), in: node.path.isRoot ? root : try open(node.path.directory))
        }
    }

    /// Opens the directory that stands for one of the image.
    private func open(_ path: EntryPath) throws -> OpenDirectory {
        let below = path.bytes.dropFirst(base.isRoot ? 0 : base.bytes.count + 1)
        return try attempt("open", path) { try root.directory(EntryPath(cleaning: below)) }
    }

    private func makeDirectory(_ node: MergedTree.Node, in parent: OpenDirectory) throws {
        try checkName(node.path)
        try attempt("make the directory", node.path) { try parent.makeDirectory(OpenDirectory.Name(node.path)) }
    }

    /// Makes anything but a directory, with its attributes.
    private mutating func make(_ node: MergedTree.Node, in parent: OpenDirectory) async throws {
        try checkName(node.path)
        let name = OpenDirectory.Name(node.path)
        try attempt("replace", node.path) { try parent.remove(name) }
        if let place = node.file, let first = made[place] {
            let directory = try open(first.directory)
            return try attempt("link", node.path) {
                try parent.makeHardLink(name, to: OpenDirectory.Name(first), in: directory)
            }
        }
        let entry = tree.entry(of: node)
        switch entry.kind {
        case .regular:
            let file = try attempt("make", node.path) { try parent.makeFile(name) }
            try await write(entry, of: node, to: file, in: parent)
        case .symlink(let target):
            guard !target.utf8.contains(0) else { throw UnpackingFailure.zeroInName(node.path) }
            try attempt("make the symbolic link", node.path) { try parent.makeLink(name, saying: target) }
        case .fifo: try attempt("make the FIFO", node.path) { try parent.makeFIFO(name) }
        case .characterDevice(let major, let minor):
            guard try makeDevice(node.path, S_IFCHR, major, minor, in: parent) else { return }
        case .blockDevice(let major, let minor):
            guard try makeDevice(node.path, S_IFBLK, major, minor, in: parent) else { return }
        // Nodes are what links lead to; directories are made elsewhere.
        case .hardlink, .directory: return
        }
        try setAttributes(entry, in: parent)
        if let place = node.file { made[place] = node.path }
    }

    private func write(
        _ entry: TarEntry, of node: MergedTree.Node, to file: FileDescriptor, in parent: OpenDirectory
    ) async throws {
        guard let place = node.file else { return }
        let writer = SparseWriter(file, contents, place)
        do {
            try await writer.write(entry)
            try file.close()
        } catch {
            // The first failure is the one to tell. Half a file would pass for a whole one.
            try? file.close()
            try? parent.remove(OpenDirectory.Name(node.path))
            guard let error = error as? Errno else { throw error }
            throw UnpackingFailure.cannot("write", node.path, in: directory, error)
        }
    }

    /// - Returns: whether it could be made.
    private mutating func makeDevice(
        _ path: EntryPath, _ kind: mode_t, _ major: Int64, _ minor: Int64, in parent: OpenDirectory
    ) throws -> Bool {
        guard (0..<1 << 12).contains(major), (0..<1 << 20).contains(minor) else {
            throw UnpackingFailure.device(path, major: major, minor: minor)
        }
        let isMade = try attempt("make the device", path) {
            try permitted {
                try parent.makeDevice(
                    OpenDirectory.Name(path), kind, major: UInt32(major), minor: UInt32(minor))
            }
        }
        if !isMade { shortfall.devices += 1 }
        return isMade
    }

    /// Owner, extended attributes, mode and times, in an order in which none undoes another.
    private mutating func setAttributes(_ entry: TarEntry, in parent: OpenDirectory) throws {
        let name = OpenDirectory.Name(entry.path)
        let (user, group) = (try id(entry.user, of: entry), try id(entry.group, of: entry))
        let path = entry.path
        let isOwned = try attempt("set the owner of", path) {
            try permitted { try parent.setOwner(of: name, user: user, group: group) }
        }
        if !isOwned { shortfall.owners += 1 }
        for attribute in entry.extendedAttributes {
            // An overlay takes its own attributes for orders: they could lead it elsewhere.
            let isForOverlay = ["trusted.overlay.", "user.overlay."].contains { attribute.name.hasPrefix($0) }
            let isSet = try attempt("set \(attribute.name) of", path) {
                try !isForOverlay
                    && permitted { try parent.setAttribute(of: name, attribute.name, to: attribute.value) }
            }
            if !isSet { shortfall.attributes += 1 }
        }
        // Linux has no mode for symbolic links.
        let isSymlink = if case .symlink = entry.kind { true } else { false }
        if !isSymlink {
            let mode = mode_t(truncatingIfNeeded: entry.mode) & (isOwned ? 0o7777 : 0o1777)
            try attempt("set the mode of", path) { try parent.setMode(of: name, mode) }
        }
        try attempt("set the time of", path) {
            try parent.setTimes(
                of: name, seconds: Int(entry.modified.seconds), nanoseconds: Int(entry.modified.nanoseconds))
        }
    }

    private func id(_ owner: TarEntry.Owner, of entry: TarEntry) throws -> UInt32 {
        // The last one means "as it was".
        guard let id = UInt32(exactly: owner.id), id < UInt32.max else {
            throw UnpackingFailure.owner(entry.path, owner.id)
        }
        return id
    }

    private func checkName(_ path: EntryPath) throws {
        guard !path.bytes.contains(0) else { throw UnpackingFailure.zeroInName(path) }
    }

    /// - Returns: `false` when the system forbids it to this user, or does not know of such a thing.
    private func permitted(_ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return true
        } catch let error as Errno
            where [.notPermitted, .permissionDenied, .invalidArgument, .notSupportedOnSocket].contains(error)
        {
            return false
        }
    }

    /// Says of which file an error tells.
    private func attempt<Result>(_ verb: String, _ path: EntryPath, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as Errno {
            throw UnpackingFailure.cannot(verb, path, in: directory, error)
        }
    }
}
