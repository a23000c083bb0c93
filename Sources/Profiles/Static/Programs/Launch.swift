import Archive

/// What a process is started with.
struct Launch: Hashable {
    /// The program and its arguments.
    var arguments: [String]
    var environment: [String: String]
    var directory: EntryPath
    /// Whether the user is root.
    var isRoot = true

    /// Where programs are looked for when the environment does not say, as runtimes and the C library do.
    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Of the directories in which programs are looked for.
    private static let pathLimit = 256

    /// The same for another program.
    func running(_ arguments: [String]) -> Launch {
        var launch = self
        launch.arguments = arguments
        return launch
    }

    /// Finds the program as `execvp` does.
    func program(in files: VisitedFiles) -> MergedTree.Node? {
        guard let name = arguments.first else { return nil }
        return program(named: name, in: files)
    }

    func program(named name: String, in files: VisitedFiles) -> MergedTree.Node? {
        candidates(for: name).lazy.compactMap { Self.program($0, from: directory, in: files) }.first
    }

    /// The path by which the program was found, links not followed.
    func invokedPath(in files: VisitedFiles) -> EntryPath? {
        guard let name = arguments.first else { return nil }
        return candidates(for: name).first { Self.program($0, from: directory, in: files) != nil }.map(path)
    }

    /// A path as the process means it, links not followed.
    func path(_ text: String) -> EntryPath {
        text.hasPrefix("/") ? EntryPath(text) : EntryPath(cleaning: directory.bytes + [UInt8(ascii: "/")] + text.utf8)
    }

    private func candidates(for name: String) -> [String] {
        if name.utf8.contains(UInt8(ascii: "/")) { return [name] }
        guard !name.isEmpty else { return [] }
        let directories = (environment["PATH"] ?? Self.defaultPath).split(
            separator: ":", maxSplits: Self.pathLimit, omittingEmptySubsequences: false)
        return directories.prefix(Self.pathLimit).map { $0.isEmpty ? name : "\($0)/\(name)" }
    }

    private static func program(
        _ path: String, from directory: EntryPath, in files: VisitedFiles
    ) -> MergedTree.Node? {
        guard let node = files.findFile(path, from: directory), files.tree.entry(of: node).mode & 0o111 != 0 else {
            return nil
        }
        return node
    }
}
