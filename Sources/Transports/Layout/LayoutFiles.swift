import Content
import OCI
import SystemPackage

/// The files of an OCI layout (OCI image specification, image-layout.md), in a directory or in an archive.
protocol LayoutFiles: Sendable {
    /// Where the files are, for messages.
    var path: FilePath { get }
    /// What people type for it, without a tag.
    var location: String { get }
    /// - Throws: a failure of kind `.notFound` when there is no such file.
    func open(_ name: String) throws -> FileSlice
}

extension LayoutFiles {
    static var versionName: String { "oci-layout" }
    static var indexName: String { "index.json" }

    /// A digest holds nothing but letters and digits, so the path stays inside.
    static func blobName(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    /// - Throws: when there is something, but it says that it is something else.
    func checkVersion() throws {
        let file: FileSlice
        do {
            file = try open(Self.versionName)
        } catch let failure as any Failure where failure.kind == .notFound {
            throw LayoutFailure.notALayout(path)
        }
        let version = try context("\(path.appending(Self.versionName))") {
            try Document(parsing: try file.documentBytes()).root["imageLayoutVersion"]?.string
        }
        // Later versions with the same major number are to stay readable.
        guard let version, version == "1" || version.hasPrefix("1.") else {
            throw LayoutFailure.unknownVersion(path, version)
        }
    }

    /// The names of images, and what is known of each.
    func readIndex() throws -> Index {
        let file = try open(Self.indexName)
        return try context("\(path.appending(Self.indexName))") {
            try Index(Document(parsing: file.documentBytes()), as: .ociIndex)
        }
    }

    /// The blob's file, unread, after a look at its size.
    func openBlob(_ descriptor: Descriptor) throws -> FileSlice {
        let name = Self.blobName(descriptor.digest)
        let file = try open(name)
        guard file.count == descriptor.size else {
            throw LayoutFailure.wrongSize(path.appending(name), expected: descriptor.size, found: file.count)
        }
        return file
    }

    /// A manifest, index or configuration, checked against its descriptor.
    func readDocument(_ descriptor: Descriptor) throws -> Document {
        try descriptor.checkDocumentSize()
        let file = try openBlob(descriptor)
        return try context("\(path.appending(Self.blobName(descriptor.digest)))") {
            let bytes = try file.bytes()
            try descriptor.check(bytes)
            return try Document(parsing: bytes)
        }
    }

    /// Whether the blob's file is missing; one of the wrong size is not.
    func lacks(_ descriptor: Descriptor) throws -> Bool {
        do {
            _ = try open(Self.blobName(descriptor.digest))
            return false
        } catch let failure as any Failure where failure.kind == .notFound {
            return true
        }
    }

    /// The entry of `index.json` that a tag means: its name as it stands there, else its full name, as docker reads it.
    ///
    /// Without a tag, the only image there is.
    func choose(_ tag: String?, from entries: [Descriptor]) throws -> Descriptor {
        guard let tag else {
            guard let entry = entries.first else { throw LayoutFailure.empty(path) }
            guard entries.allSatisfy({ $0.digest == entry.digest }) else {
                throw LayoutFailure.tagNeeded(path, location: location, tags: entries.compactMap(\.shownName))
            }
            return entry
        }
        let exact = entries.filter { $0.tag?.isSameText(as: tag) == true }
        let named = exact.isEmpty ? entries.filter { $0.isNamed(tag) } : exact
        guard let entry = named.first else {
            throw LayoutFailure.noSuchTag(path, tag, tags: entries.compactMap(\.shownName))
        }
        guard named.allSatisfy({ $0.digest == entry.digest }) else {
            throw LayoutFailure.ambiguousTag(path, tag, count: named.count)
        }
        return entry
    }
}

extension Descriptor {
    var tag: String? { annotation(Annotation.referenceName) }

    /// Whether a full name of this entry and the text mean the same image to docker.
    func isNamed(_ text: String) -> Bool {
        // Text that is no reference is no full name.
        guard let wanted = try? ImageReference(parsing: text) else { return false }
        return fullNames.contains(wanted)
    }

    /// Names with a repository: docker and containerd write them beside the tag, others in its place.
    var fullNames: [ImageReference] {
        [annotation(Annotation.imageName), tag].compactMap { name in
            guard let name, name.contains("/") || name.contains(":") else { return nil }
            // Any text may stand there.
            return try? ImageReference(parsing: name)
        }
    }

    /// What to tell people who have to choose.
    var shownName: String? { annotation(Annotation.imageName) ?? tag }
}

extension FileSlice {
    /// All bytes of a JSON file that has no descriptor to say how long it is.
    func documentBytes() throws -> [UInt8] {
        guard count <= Document.sizeLimit else { throw DocumentFailure.tooLarge(count) }
        return try bytes()
    }
}
