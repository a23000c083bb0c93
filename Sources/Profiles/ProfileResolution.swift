import Archive
import Content

/// A profile laid over one platform of an image: which entries of which layers it asks for.
package struct ProfileResolution: Sendable {
    /// An entry of a layer that was asked for.
    package struct File: Hashable, Sendable {
        /// Counts the layers from the bottom, which is 0.
        package let layer: Int
        /// In that layer.
        package let path: EntryPath
    }

    /// Each once, in the order of the profile; links come before what they lead to.
    package private(set) var files: [File] = []
    /// What the image has no path for.
    package private(set) var missing: [Profile.Item] = []
    /// How many of the profile's entries were found.
    package private(set) var foundCount = 0
    private var seen: Set<File> = []
    private let image: ReadableImage
    /// The paths of layers that the profile names by number.
    private var pathsOfLayer: [Int: Set<EntryPath>] = [:]

    /// - Parameters:
    ///   - profile: what is asked for.
    ///   - image: what it is asked of.
    ///   - ignored: paths that are no part of any image, such as landmarks.
    /// - Throws: when a pattern is malformed, or the task was cancelled.
    package init(_ profile: Profile, in image: ReadableImage, ignoring ignored: Set<EntryPath>) throws {
        self.image = image
        // What was noted of other images is looked up as well, unless the profile speaks of this one: then it need not be
        // there, as with the platforms of an index.
        let isOfThisImage = profile.entries.contains { $0.origin?.manifest == image.manifest }
        // A log of a node tells of all images that run there.
        let isOfTheseLayers = profile.entries.contains { $0.blob.map(image.blobs.contains) ?? false }
        for entry in profile.entries {
            if isOfTheseLayers, let blob = entry.blob, !image.blobs.contains(blob) { continue }
            let isFound: Bool
            switch entry.item {
            case .path(let path):
                if ignored.contains(path) { continue }
                isFound = add(path, in: layer(of: entry))
            case .pattern(let text):
                try Task.checkCancellation()
                let matches = try PathPattern(text).matches(in: image.tree)
                for path in matches { _ = add(path, in: nil) }
                isFound = !matches.isEmpty
            }
            if isFound {
                foundCount += 1
            } else if !isOfThisImage || entry.origin == nil || entry.origin?.manifest == image.manifest {
                missing.append(entry.item)
            }
        }
    }

    /// The layer of this image that an entry names.
    private func layer(of entry: Profile.Entry) -> Int? {
        if let origin = entry.origin, origin.manifest == image.manifest { return origin.layer }
        return entry.blob.flatMap { image.blobs.lastIndex(of: $0) }
    }

    /// The paths that come first in each layer, the bottom one first.
    package var priorities: [[EntryPath]] {
        var priorities = Array(repeating: [EntryPath](), count: image.tree.layers.count)
        for file in files { priorities[file.layer].append(file.path) }
        return priorities
    }

    /// What was found, with its places, as a recorder would have noted it.
    package var record: Profile {
        Profile(files.map { .init(.path($0.path), origin: .init(manifest: image.manifest, layer: $0.layer)) })
    }

    /// The first few names of what is missing; `nil` when nothing is.
    package var missingNames: String? {
        guard !missing.isEmpty else { return nil }
        let names = missing.prefix(5).map { String($0.description.prefix(200)).printable }.joined(separator: ", ")
        return missing.count > 5 ? names + ", …" : names
    }

    /// Asks for a path, in the topmost layer that provides it unless a recorder saw it in another one.
    private mutating func add(_ path: EntryPath, in layer: Int?) -> Bool {
        if let layer, holds(path, layer) {
            add(File(layer: layer, path: path))
            return true
        }
        let resolution = image.tree.resolve(path.bytes)
        guard let node = resolution.node else { return false }
        for node in resolution.links + [node] { add(node) }
        return true
    }

    private mutating func add(_ node: MergedTree.Node) {
        // A directory that no layer has an entry for needs none.
        guard let name = node.name else { return }
        add(File(layer: name.layer, path: node.path))
        // Only a layer that is kept as it is can have a link to a file of another one.
        if let file = node.file, file.layer != name.layer {
            add(File(layer: file.layer, path: image.tree.layers[file.layer][file.entry].path))
        }
    }

    private mutating func add(_ file: File) {
        if seen.insert(file).inserted { files.append(file) }
    }

    /// Whether a layer has a file of this path; a link is left to be followed.
    private mutating func holds(_ path: EntryPath, _ layer: Int) -> Bool {
        guard image.tree.layers.indices.contains(layer), Whiteout(path) == nil else { return false }
        if pathsOfLayer[layer] == nil {
            pathsOfLayer[layer] = Set(image.tree.layers[layer].filter { !$0.kind.isSymlink }.map(\.path))
        }
        return pathsOfLayer[layer]?.contains(path) == true
    }
}

extension TarEntry.Kind {
    fileprivate var isSymlink: Bool {
        if case .symlink = self { true } else { false }
    }
}
