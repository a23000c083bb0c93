import Content
import OCI
import Transports

/// What a copy publishes: the root of the source, or the part of it that was asked for.
struct CopyRoot: Sendable {
    let descriptor: Descriptor
    let document: Document
    /// Indexes below it of which only a part was asked for.
    let edited: [Digest: Document]

    /// - Throws: when the source has no image, or lacks a platform that was asked for.
    init(of source: any ImageSource, platforms: [Platform]) async throws {
        let root = try await source.resolve()
        let document = try await source.manifest(root, depth: 0)
        var narrowing = Narrowing(source: source, selection: PlatformSelection(platforms))
        guard !platforms.isEmpty, root.mediaType.isIndex else {
            if !platforms.isEmpty { try await narrowing.check(try Manifest(document, as: root.mediaType)) }
            (self.descriptor, self.document, edited) = (root, document, [:])
            return
        }
        let narrowed = try await narrowing.narrow(root, document, depth: 0)
        try narrowing.selection.check()
        // One platform alone is copied without the index, as by other tools; its digest stays what it was.
        if narrowing.images.count == 1, let image = narrowing.images.first {
            descriptor = image.named(as: root)
            self.document = try await source.document(image)
            edited = [:]
        } else {
            (descriptor, self.document) = narrowed
            edited = narrowing.edited
        }
    }
}

/// Cuts indexes down to what was asked for, those within others first.
private struct Narrowing {
    let source: any ImageSource
    var selection: PlatformSelection
    /// Those asked for, each once.
    private(set) var images: [Descriptor] = []
    /// What is left of indexes that have something of it.
    private(set) var edited: [Digest: Document] = [:]
    private var seen: Set<Digest> = []
    private var count = 0

    init(source: any ImageSource, selection: PlatformSelection) {
        self.source = source
        self.selection = selection
    }

    /// - Throws: when a lone manifest is for another platform.
    mutating func check(_ manifest: Manifest) async throws {
        selection.note(try ImageConfiguration(try await source.document(manifest.configuration)).platform)
        try selection.check()
    }

    /// Leaves out other platforms, attestations that speak of them, and indexes that have nothing else; order stays.
    mutating func narrow(
        _ old: Descriptor, _ document: Document, depth: Int
    ) async throws -> (descriptor: Descriptor, document: Document) {
        try Task.checkCancellation()
        count += 1
        guard count <= manifestLimit else { throw DocumentFailure.tooManyManifests(limit: manifestLimit) }
        let index = try Index(document, as: old.mediaType)
        selection.note(imagesOf: index)
        let wanted = index.manifests.filter { child in
            !child.isAttestation && !child.mediaType.isIndex && child.platform.map(selection.includes) ?? false
        }
        images += wanted.filter { seen.insert($0.digest).inserted }
        let subjects = Set(wanted.map(\.digest.description))
        var kept: [Descriptor] = []
        for child in index.manifests {
            if child.mediaType.isIndex {
                let inner = try await narrow(
                    child, try await source.manifest(child, depth: depth + 1), depth: depth + 1)
                if edited[inner.descriptor.digest] != nil { kept.append(inner.descriptor) }
            } else if subjects.contains(child.digest.description)
                || child.isAttestation && child.annotation(Annotation.attestedDigest).map(subjects.contains) ?? false
            {
                kept.append(child)
            }
        }
        let new = document.editing { $0["manifests"] = .array(kept.map(\.json)) }
        let descriptor = old.replacing(mediaType: old.mediaType, digest: new.digest, size: Int64(new.bytes.count))
        if !kept.isEmpty { edited[new.digest] = new }
        return (descriptor, new)
    }
}

extension ImageSource {
    /// Reads a manifest or index, of the root or below it.
    ///
    /// - Throws: also when it is of another type, or within too many others.
    func manifest(_ descriptor: Descriptor, depth: Int) async throws -> Document {
        let type = descriptor.mediaType
        guard !type.isSchema1 else { throw DocumentFailure.schema1 }
        guard depth < indexDepthLimit, type.isIndex || type.isManifest else {
            throw DocumentFailure.unexpectedType(type)
        }
        do {
            return try await document(descriptor)
        } catch let failure as any Failure where failure.kind == .notFound && depth > 0 {
            throw CopyFailure.absentManifest(descriptor.digest)
        }
    }
}

extension Descriptor {
    /// This manifest under the name that another has in a layout.
    fileprivate func named(as other: Descriptor) -> Descriptor {
        var result = self
        result.editAnnotations { annotations in
            for key in [Annotation.referenceName, Annotation.imageName] {
                annotations[key] = other.annotation(key).map(JSON.string)
            }
        }
        return result
    }
}
