/// What the format promises to those who read a layer lazily; a finding names the promise that is broken.
package enum LayerPromise: String, Sendable, CaseIterable {
    /// The last bytes say where the table of contents is.
    case footer
    /// The table of contents is a JSON document of the fields that readers know.
    case toc
    /// The table of contents is the one that the manifest names.
    case tocDigest = "toc-digest"
    /// Entries stand in the order of the blob, chunks behind their file.
    case order
    /// Each path stands once, and makes sense.
    case paths
    /// Hard links follow the file that they name.
    case links
    /// The chunks of a file make up its size.
    case sizes
    /// Data begins where a member begins.
    case memberStart = "member-start"
    /// A landmark ends what is prefetched.
    case landmark
    /// A chunk has the digest that the table says.
    case chunkDigest = "chunk-digest"
    /// A file has the digest that the table says.
    case fileDigest = "file-digest"
    /// The blob is made of whole members and nothing else.
    case members
    /// The tar says the same as the table.
    case tar
    /// The blob is as long as the manifest says.
    case blobSize = "blob-size"
    /// The blob is the one that the manifest names.
    case blobDigest = "blob-digest"
    /// The layer inflates to what the configuration names.
    case diffID = "diff-id"
}

/// A broken promise, and where.
package struct LayerFinding: Hashable, Sendable {
    package let promise: LayerPromise
    /// The name of the entry as it stands in the table or the tar.
    package let entry: String?
    /// In bytes of the blob.
    package let offset: Int64?
    /// What was found and what was expected, in one line; may hold text of others.
    package let text: String

    package init(_ promise: LayerPromise, entry: String? = nil, at offset: Int64? = nil, _ text: String) {
        self.promise = promise
        self.entry = entry
        self.offset = offset
        self.text = text
    }
}

/// Findings up to a limit: a hostile layer must not fill memory and screen.
package struct LayerFindings: Sendable {
    package static let limit = 100
    package private(set) var all: [LayerFinding] = []
    /// How many more there were.
    package private(set) var omitted = 0

    package init() {}

    package mutating func add(_ finding: LayerFinding) {
        if all.count < Self.limit { all.append(finding) } else { omitted += 1 }
    }

    package mutating func add(_ other: LayerFindings) {
        for finding in other.all { add(finding) }
        omitted += other.omitted
    }
}
