import Archive
import Content
import OCI
import SystemPackage

/// One image of `manifest.json`, as `docker save` has written it since 1.10.
struct SavedImage: Sendable {
    /// The member with the configuration.
    let configuration: String
    let tags: [String]
    /// The members with the layers, bottom first.
    let layers: [String]

    init(_ json: JSON) throws {
        guard let configuration = json["Config"]?.string else { throw DocumentFailure.missing("Config") }
        guard let layers = json["Layers"]?.array ?? (json["Layers"] == .null ? [] : nil) else {
            throw DocumentFailure.missing("Layers")
        }
        self.configuration = configuration
        self.layers = try layers.map { layer in
            guard let name = layer.string else { throw DocumentFailure.missing("Layers") }
            return name
        }
        tags = (json["RepoTags"]?.array ?? []).compactMap(\.string)
    }

    /// The names that are references, in full.
    var references: [ImageReference] { tags.compactMap { try? ImageReference(parsing: $0) } }
}

extension ArchiveMembers {
    static var dockerManifestName: String { "manifest.json" }

    /// An image of an archive that has to be one of `docker save`.
    ///
    /// Since Docker 25 the archive is an OCI layout as well, with the manifests as they were pulled or built.
    func savedImage(_ wanted: ArchivedImage?, _ cancellation: CancellationFlag) throws -> any ImageSource {
        guard has(Self.dockerManifestName) else {
            if isLayout { throw ArchiveFailure.other(path, found: "an OCI archive", use: other("oci-archive")) }
            throw has("repositories") ? SavedImageFailure.tooOld(path) : notAnImage(missing: Self.dockerManifestName)
        }
        let images = try readSavedImages()
        if isLayout {
            try checkVersion()
            let entries = try readIndex().manifests
            if let root = try rootByName(wanted, among: entries) { return ArchivedLayout(files: self, root: root) }
            let image = try choose(wanted, from: images)
            if let root = try root(of: image, among: entries) { return ArchivedLayout(files: self, root: root) }
            return try assemble(image, wanted, cancellation)
        }
        return try assemble(try choose(wanted, from: images), wanted, cancellation)
    }

    private func readSavedImages() throws -> [SavedImage] {
        let file = try open(Self.dockerManifestName)
        return try context("\(path.appending(Self.dockerManifestName))") {
            guard let images = try JSON(parsing: try file.documentBytes()).array else {
                throw SavedImageFailure.notAList
            }
            return try images.map(SavedImage.init)
        }
    }

    private func choose(_ wanted: ArchivedImage?, from images: [SavedImage]) throws -> SavedImage {
        let names = images.flatMap(\.tags)
        switch wanted {
        case nil:
            guard let image = images.first else { throw LayoutFailure.empty(path) }
            guard images.count == 1 else {
                throw SavedImageFailure.nameNeeded(path, location: location, names: names, count: images.count)
            }
            return image
        case .position(let position):
            guard images.indices.contains(position) else {
                throw SavedImageFailure.noSuchPosition(path, position, count: images.count)
            }
            return images[position]
        case .name(let reference):
            guard let image = images.first(where: { $0.references.contains(reference) }) else {
                throw LayoutFailure.noSuchTag(path, reference.familiarName, tags: names)
            }
            return image
        }
    }

    /// The entry of `index.json` that docker named itself, or the only one.
    private func rootByName(_ wanted: ArchivedImage?, among entries: [Descriptor]) throws -> Descriptor? {
        switch wanted {
        case nil:
            guard let first = entries.first, entries.allSatisfy({ $0.digest == first.digest }) else { return nil }
            return first
        case .name(let reference):
            let named = entries.filter { $0.fullNames.contains(reference) }
            guard let first = named.first else { return nil }
            guard named.allSatisfy({ $0.digest == first.digest }) else {
                throw LayoutFailure.ambiguousTag(path, reference.familiarName, count: named.count)
            }
            return first
        case .position: return nil
        }
    }

    /// The entry of `index.json` with the configuration that `manifest.json` names.
    private func root(of image: SavedImage, among entries: [Descriptor]) throws -> Descriptor? {
        let digest = Digest(of: try configuration(of: image).bytes)
        // Those without it need no second look, however often an index names them.
        var seen: Set<Digest> = []
        return try entries.first { try holds($0, configuration: digest, depth: 0, &seen) }
    }

    private func holds(
        _ descriptor: Descriptor, configuration digest: Digest, depth: Int, _ seen: inout Set<Digest>
    ) throws -> Bool {
        guard depth < 4, descriptor.mediaType.isIndex || descriptor.mediaType.isManifest,
            !seen.contains(descriptor.digest), try !lacks(descriptor)
        else { return false }
        seen.insert(descriptor.digest)
        let document = try readDocument(descriptor)
        if descriptor.mediaType.isManifest {
            return try Manifest(document, as: descriptor.mediaType).configuration.digest == digest
        }
        return try Index(document, as: descriptor.mediaType).manifests.contains {
            try holds($0, configuration: digest, depth: depth + 1, &seen)
        }
    }

    private func configuration(of image: SavedImage) throws -> Document {
        let file = try member(image.configuration)
        return try context("\(path.appending(image.configuration.printable))") {
            try Document(parsing: try file.documentBytes())
        }
    }

    /// A member that `manifest.json` names: one that is missing makes the archive malformed.
    private func member(_ name: String) throws -> FileSlice {
        guard let file = try context("\(path)", { try index.open(name) }) else {
            throw ArchiveFailure.missingMember(path, name)
        }
        return file
    }

    /// Writes the manifest that the archive lacks: docker knew of configuration and layers only.
    private func assemble(
        _ image: SavedImage, _ wanted: ArchivedImage?, _ cancellation: CancellationFlag
    ) throws -> any ImageSource {
        let configuration = try configuration(of: image)
        guard configuration.root["rootfs"] != nil else { throw SavedImageFailure.tooOld(path) }
        let diffIDs = try context("\(path.appending(image.configuration.printable))") {
            try ImageConfiguration(configuration).diffIDs
        }
        guard diffIDs.count == image.layers.count else {
            throw DocumentFailure.layerCountMismatch(layers: image.layers.count, diffIDs: diffIDs.count)
        }
        var blobs: [Digest: FileSlice] = [:]
        var layers: [Descriptor] = []
        for (name, diffID) in zip(image.layers, diffIDs) {
            let file = try member(name)
            let layer = try file.layerDescriptor(diffID: diffID, cancellation)
            blobs[layer.digest] = file
            layers.append(layer)
        }
        var manifest = JSON.object(JSON.Object())
        manifest["schemaVersion"] = .integer(2)
        manifest["mediaType"] = .string(MediaType.ociManifest.text)
        manifest["config"] = configuration.descriptor(.ociConfiguration).json
        manifest["layers"] = .array(layers.map(\.json))
        let document = Document(manifest)
        var root = document.descriptor(.ociManifest)
        if case .name(let reference) = wanted {
            root.name(reference)
        } else if let reference = image.references.first {
            root.name(reference)
        }
        return AssembledImage(
            root: root, documents: [root.digest: document, configuration.digest: configuration], blobs: blobs,
            files: self)
    }
}

extension Descriptor {
    /// Notes a full name as docker and containerd do.
    mutating func name(_ reference: ImageReference) {
        editAnnotations { annotations in
            annotations[Annotation.imageName] = .string(reference.description)
            annotations[Annotation.referenceName] = reference.tag.map(JSON.string)
        }
    }
}

extension FileSlice {
    /// What a manifest says of this file as a layer. A tar is known by its DiffID, which whoever reads it compares.
    fileprivate func layerDescriptor(diffID: Digest, _ cancellation: CancellationFlag) throws -> Descriptor {
        let compression = try compression()
        guard compression != .none else { return Descriptor(mediaType: .ociLayer, digest: diffID, size: count) }
        let (digest, size) = try hashed(.sha256, cancellation)
        return Descriptor(
            mediaType: compression == .gzip ? .ociLayerGzip : .ociLayerZstd, digest: digest, size: size)
    }
}

/// An image of an archive without manifests: they are made up, everything else is read where it lies.
private struct AssembledImage: ImageSource {
    let root: Descriptor
    let documents: [Digest: Document]
    let blobs: [Digest: FileSlice]
    let files: ArchiveMembers

    func resolve() async throws -> Descriptor { root }

    func document(_ descriptor: Descriptor) async throws -> Document {
        guard let document = documents[descriptor.digest] else {
            throw ArchiveFailure.missingMember(files.path, "\(descriptor.digest)")
        }
        return document
    }

    func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        if let document = documents[descriptor.digest] { return try await body(document) }
        return try await body(try blob(descriptor))
    }

    func open(_ descriptor: Descriptor) async throws -> any RandomAccess { try blob(descriptor) }

    private func blob(_ descriptor: Descriptor) throws -> FileSlice {
        guard let blob = blobs[descriptor.digest] else {
            throw ArchiveFailure.missingMember(files.path, "\(descriptor.digest)")
        }
        return blob
    }
}
