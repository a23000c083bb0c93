import Content
import SystemPackage

/// Where an image is, as typed: `docker://REF` or a bare reference, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
/// `docker-archive:FILE[:NAME]` or `docker-daemon:NAME`.
package enum ImageLocation: Hashable, Sendable, CustomStringConvertible {
    case registry(ImageReference)
    case layout(FilePath, tag: String?)
    case ociArchive(ArchivePlace, tag: String?)
    case dockerArchive(ArchivePlace, ArchivedImage?)
    case dockerDaemon(DaemonImage)

    package init(parsing text: String) throws {
        if text.hasPrefix("docker://") {
            var reference = try ImageReference(parsing: String(text.dropFirst("docker://".count)))
            // With the transport in front, Docker Hub is meant, and no program would look elsewhere.
            reference.isShort = false
            self = .registry(reference)
        } else if let scheme = text.firstRange(of: "://") {
            throw ReferenceFailure.unknownTransport(String(text[..<scheme.upperBound]))
        } else if let transport = Self.transports.first(where: { text.hasPrefix($0) }) {
            try self.init(parsing: String(text.dropFirst(transport.count)), of: transport, typed: text)
        } else {
            guard !Self.isNamedLikeFile(text) else { throw ReferenceFailure.file(text) }
            self = .registry(try ImageReference(parsing: text))
        }
    }

    /// Whether a text without a transport is hardly meant to be a repository, although it might be the name of one.
    private static func isNamedLikeFile(_ text: String) -> Bool {
        text == "-" || ["/", "./", "../"].contains { text.hasPrefix($0) } || [".", ".."].contains(text)
            || [".tar", ".tar.gz", ".tgz"].contains { text.hasSuffix($0) } && !namesTag(text)
    }

    private static func namesTag(_ text: String) -> Bool {
        text.split(separator: "/").last?.contains(":") ?? false
    }

    private init(parsing text: String, of transport: String, typed: String) throws {
        switch transport {
        case "oci:":
            let (path, tag) = try Self.split(text, typed: typed, expecting: "directory")
            self = .layout(FilePath(path), tag: tag)
        case "oci-archive:":
            let (path, tag) = try Self.split(text, typed: typed, expecting: "file")
            self = .ociArchive(ArchivePlace(path), tag: tag)
        case "docker-archive:":
            let (path, name) = try Self.split(text, typed: typed, expecting: "file")
            self = .dockerArchive(ArchivePlace(path), try name.map(ArchivedImage.init(parsing:)))
        case "docker-daemon:": self = .dockerDaemon(try DaemonImage(parsing: text, typed: typed))
        default: throw ReferenceFailure.unknownTransport(transport)
        }
    }

    /// Transports of skopeo, also those that are not known here, which would else be read as the name of a repository on
    /// Docker Hub.
    private static let transports = [
        "oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "containers-storage:", "dir:", "ostree:", "sif:",
    ]

    /// A path ends at the first colon, as in skopeo, so that a name behind it may hold more of them.
    private static func split(
        _ text: String, typed: String, expecting what: String
    ) throws -> (path: String, name: String?) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let path = parts.first, !path.isEmpty else { throw ReferenceFailure.emptyPath(typed, expected: what) }
        return (path, parts.count == 2 && !parts[1].isEmpty ? parts[1] : nil)
    }

    package var description: String {
        switch self {
        case .registry(let reference): reference.description
        case .layout(let path, let tag): "oci:\(path)" + (tag.map { ":\($0)" } ?? "")
        case .ociArchive(let place, let tag): "oci-archive:\(place)" + (tag.map { ":\($0)" } ?? "")
        case .dockerArchive(let place, let image): "docker-archive:\(place)" + (image.map { ":\($0)" } ?? "")
        case .dockerDaemon(let image): "docker-daemon:\(image)"
        }
    }

    /// Whether the image comes from standard input, or goes to standard output.
    package var isStandardStream: Bool {
        switch self {
        case .ociArchive(.standardStream, _), .dockerArchive(.standardStream, _): true
        default: false
        }
    }
}

/// Where an archive is.
package enum ArchivePlace: Hashable, Sendable, CustomStringConvertible {
    case file(FilePath)
    /// Typed as `-`: standard input as a source, standard output as a destination.
    case standardStream

    package var description: String {
        switch self {
        case .file(let path): path.string
        case .standardStream: "-"
        }
    }

    fileprivate init(_ path: String) {
        self = path == "-" ? .standardStream : .file(FilePath(path))
    }
}

/// Which image of a `docker-archive`.
package enum ArchivedImage: Hashable, Sendable, CustomStringConvertible {
    case name(ImageReference)
    /// Counts the entries of `manifest.json` from zero on; typed as `@N`, as in skopeo.
    case position(Int)

    package init(parsing text: String) throws {
        guard text.hasPrefix("@") else {
            let reference = try ImageReference(parsing: text)
            guard reference.digest == nil else { throw ReferenceFailure.unexpectedDigest(text) }
            self = .name(reference)
            return
        }
        guard let position = Int(text.dropFirst()), position >= 0 else {
            throw ReferenceFailure.malformedPosition(text)
        }
        self = .position(position)
    }

    package var description: String {
        switch self {
        case .name(let reference): reference.description
        case .position(let position): "@\(position)"
        }
    }
}

/// How an engine knows an image.
package enum DaemonImage: Hashable, Sendable, CustomStringConvertible {
    case name(ImageReference)
    /// The digest of its configuration.
    case id(Digest)

    fileprivate init(parsing text: String, typed: String) throws {
        guard !text.isEmpty else { throw ReferenceFailure.emptyPath(typed, expected: "name") }
        if let colon = text.firstIndex(of: ":"), Digest.Algorithm(rawValue: String(text[..<colon])) != nil {
            guard let digest = try? Digest(parsing: text) else { throw ReferenceFailure.malformedDigest(typed) }
            self = .id(digest)
            return
        }
        let reference = try ImageReference(parsing: text)
        guard reference.digest == nil else { throw ReferenceFailure.unexpectedDigest(text) }
        self = .name(reference)
    }

    package var description: String {
        switch self {
        case .name(let reference): reference.description
        case .id(let digest): digest.description
        }
    }
}
