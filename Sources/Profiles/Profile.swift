import Archive
import Content

/// The files that a workload needs, in the order in which it first opens them.
package struct Profile: Hashable, Sendable {
    /// A file, or files, that come next.
    package enum Item: Hashable, Sendable {
        /// As a process in the container would name it; links are yet to be followed.
        case path(EntryPath)
        /// All paths that match, in the order of their bytes: `*` and `?` within a part, `[…]`, and `**` across parts.
        case pattern(String)
    }

    /// The layer of an image in which a recorder has found the file.
    package struct Origin: Hashable, Sendable {
        /// Of the manifest of that image.
        package let manifest: Digest
        /// Counts the layers of the manifest from the bottom, which is 0; `nil` when it was not noted.
        package let layer: Int?

        package init(manifest: Digest, layer: Int?) {
            self.manifest = manifest
            self.layer = layer
        }
    }

    package struct Entry: Hashable, Sendable {
        package let item: Item
        package let origin: Origin?
        /// The layer in which a snapshotter has found the file, by the digest of its blob.
        package let blob: Digest?

        package init(_ item: Item, origin: Origin? = nil, blob: Digest? = nil) {
            self.item = item
            self.origin = origin
            self.blob = blob
        }
    }

    /// Each once, by first use.
    package private(set) var entries: [Entry] = []
    private var seen: Set<Entry> = []

    package init(_ entries: some Sequence<Entry> = []) {
        for entry in entries { append(entry) }
    }

    /// Appends an entry, unless it is there already.
    package mutating func append(_ entry: Entry) {
        if seen.insert(entry).inserted { entries.append(entry) }
    }
}

extension Profile.Item: CustomStringConvertible {
    /// As people write it: paths begin with a slash.
    package var description: String {
        switch self {
        case .path(let path): path.isRoot ? "/" : "/" + path.description
        case .pattern(let text): text
        }
    }

    package var isPattern: Bool {
        if case .pattern = self { true } else { false }
    }
}
