import Content
import OCI

/// What an image in an archive is called; without a name it keeps the one that it comes with.
package enum ArchiveNames: Sendable {
    /// Entries of `index.json`, for skopeo, podman and containerd.
    case oci([String])
    /// These, and `manifest.json`, for docker.
    case docker([ImageReference])

    /// Names for an archive with an OCI layout.
    ///
    /// An additional tag takes the place of the tag where the name is that of a repository.
    package init(tag: String?, additionalTags: [String]) {
        let full = tag.flatMap(Self.fullName)
        let more = additionalTags.map { additional in
            guard var reference = full, Self.fullName(additional) == nil else { return additional }
            reference.tag = additional
            return reference.description
        }
        self = .oci(([tag].compactMap { $0 } + more).unique)
    }

    /// Names for an archive that docker loads.
    ///
    /// - Throws: when there is a position in place of a name, or tags without a repository.
    package init(docker image: ArchivedImage?, additionalTags: [String]) throws {
        switch image {
        case .position(let position): throw ArchiveNamesFailure.position(position)
        case nil:
            guard additionalTags.isEmpty else { throw ArchiveNamesFailure.tagsWithoutName }
            self = .docker([])
        case .name(let reference): self = try .docker(reference.adding(additionalTags))
        }
    }

    /// The entries of `index.json`, one for each name.
    func indexEntries(for root: Descriptor) -> [Descriptor] {
        switch self {
        case .oci(let names): names.isEmpty ? [root] : names.map { root.named($0) }
        case .docker(let names):
            names.isEmpty
                ? [root]
                : names.map { name in
                    var entry = root
                    entry.name(name)
                    return entry
                }
        }
    }

    /// The names for `manifest.json`; `nil` for an archive without that.
    ///
    /// In full, as skopeo and podman write them: podman takes short ones for its own.
    func dockerTags(for root: Descriptor) -> [String]? {
        guard case .docker(let names) = self else { return nil }
        return (names.isEmpty ? Array(root.fullNames.prefix(1)) : names).map(\.description)
    }

    /// A name that says more than a tag: docker's tools want it in full as well.
    fileprivate static func fullName(_ text: String) -> ImageReference? {
        guard text.contains("/") || text.contains(":") else { return nil }
        // Any text may serve as a tag.
        return try? ImageReference(parsing: text)
    }
}

extension Descriptor {
    /// As an entry of `index.json` under that name alone.
    fileprivate func named(_ name: String) -> Descriptor {
        var entry = self
        entry.editAnnotations { annotations in
            annotations[Annotation.referenceName] = .string(name)
            annotations[Annotation.imageName] = (ArchiveNames.fullName(name)?.description).map(JSON.string)
        }
        return entry
    }
}

extension ImageReference {
    /// This name, and the same repository with other tags.
    func adding(_ tags: [String]) throws -> [ImageReference] {
        try
            ([self]
            + tags.map { tag in
                // A tag that is none would make another name.
                try ImageReference(parsing: "\(registry)/\(repository):\(tag)")
            }).unique
    }
}

extension Array where Element: Hashable {
    /// Each element once, where it comes first.
    fileprivate var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}

enum ArchiveNamesFailure: Failure {
    case position(Int)
    case tagsWithoutName
    case imageID(Digest)

    var kind: FailureKind { .usage }

    var description: String {
        switch self {
        case .position(let position): "expected the name of an image to write, not '@\(position)'"
        case .tagsWithoutName: "additional tags need a name: docker-archive:FILE:NAME"
        case .imageID(let digest): "expected the name of an image to write, not the ID \(digest)"
        }
    }
}
