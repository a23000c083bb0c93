import Content
import OCI

/// All documents of an image, read before any layer is touched.
package indirect enum ImageTree: Sendable {
    case index(Index, Descriptor, [ImageTree])
    case image(Manifest, ImageConfiguration, Descriptor)
    /// A manifest without a file system: attestations, charts, signatures. Its blobs are copied unchanged.
    case artifact(Manifest, Descriptor)

    /// The descriptor by which the source names it.
    package var descriptor: Descriptor {
        switch self {
        case .index(_, let descriptor, _), .image(_, _, let descriptor), .artifact(_, let descriptor): descriptor
        }
    }
}

/// Indexes within indexes are legal; more levels than this are not an image any more.
package let indexDepthLimit = 4

/// Indexes that name indexes many times over would keep a reader busy for ever, and fill the memory.
package let manifestLimit = 2000

/// Reads an image's index, manifests and configurations, narrowed to what was asked for.
package struct ImageTreeReader: Sendable {
    /// What was asked for.
    package struct Selection: Sendable {
        /// All when empty.
        package var platforms: [Platform]
        package var keepsAttestations: Bool
        /// Whether an image that the source names, but does not have, is an error.
        package var isStrict: Bool

        package init(platforms: [Platform] = [], keepsAttestations: Bool = false, isStrict: Bool = false) {
            self.platforms = platforms
            self.keepsAttestations = keepsAttestations
            self.isStrict = isStrict
        }
    }

    /// What has been read so far.
    private struct State {
        var manifestCount = 0
        var selection: PlatformSelection
    }

    private let source: any ImageSource
    private let request: Selection
    private let warn: @Sendable (String) -> Void

    /// - Parameters:
    ///   - source: where the image is.
    ///   - selection: which part of it is read.
    ///   - warn: told of what is left out.
    package init(
        of source: any ImageSource, _ selection: Selection, warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.source = source
        request = selection
        self.warn = warn
    }

    /// Reads all documents that were asked for.
    ///
    /// - Parameter root: what the source's name stands for, if that is known already.
    /// - Returns: the documents.
    /// - Throws: `ImageTreeFailure` when the source has nothing of what was asked for.
    package func read(from root: Descriptor? = nil) async throws -> ImageTree {
        let root = if let root { root } else { try await source.resolve() }
        var state = State(selection: PlatformSelection(request.platforms))
        let tree = try await read(root, depth: 0, &state)
        try state.selection.check()
        guard tree.hasImage else { throw ImageTreeFailure.noFileSystem }
        return tree
    }

    /// Reads what is below a descriptor.
    private func read(_ descriptor: Descriptor, depth: Int, _ state: inout State) async throws -> ImageTree {
        try Task.checkCancellation()
        state.manifestCount += 1
        guard state.manifestCount <= manifestLimit else { throw DocumentFailure.tooManyManifests(limit: manifestLimit) }
        let type = descriptor.mediaType
        guard !type.isSchema1 else { throw DocumentFailure.schema1 }
        guard depth < indexDepthLimit, type.isIndex || type.isManifest else {
            throw DocumentFailure.unexpectedType(type)
        }
        try await expect(descriptor)
        let document = try await source.document(descriptor)
        if document.root["schemaVersion"]?.integer == 1 { throw DocumentFailure.schema1 }
        if type.isIndex {
            let index = try Index(document, as: type)
            return .index(index, descriptor, try await readChildren(of: index, depth: depth, &state))
        }
        let manifest = try Manifest(document, as: type)
        for blob in [manifest.configuration] + manifest.layers where blob.mediaType.layerKind != .foreign {
            try await expect(blob)
        }
        guard manifest.hasFilesystem else { return .artifact(manifest, descriptor) }
        let configuration = try await context("configuration \(manifest.configuration.digest)") {
            try ImageConfiguration(try await source.document(manifest.configuration))
        }
        guard configuration.diffIDs.count == manifest.layers.count else {
            throw DocumentFailure.layerCountMismatch(
                layers: manifest.layers.count, diffIDs: configuration.diffIDs.count)
        }
        if depth == 0 || descriptor.platform == nil { state.selection.note(configuration.platform) }
        return .image(manifest, configuration, descriptor)
    }

    private func readChildren(of index: Index, depth: Int, _ state: inout State) async throws -> [ImageTree] {
        state.selection.note(imagesOf: index)
        let kept = index.manifests.filter { child in
            child.isAttestation || child.mediaType.isIndex || child.platform.map(state.selection.includes) ?? true
        }
        let images = try await readPresent(kept.filter { !$0.isAttestation }, depth: depth, &state)
        // An attestation that speaks of a platform that was left out has nothing left to speak of.
        let attestations = try await readPresent(
            kept.filter { child in
                let subject = child.annotation(Annotation.attestedDigest)
                return child.isAttestation && request.keepsAttestations
                    && subject.map { subject in images.keys.contains { $0.digest.description == subject } } ?? true
            }, depth: depth, &state)
        return kept.compactMap { images[$0] ?? attestations[$0] }.filter {
            request.platforms.isEmpty || !$0.isEmptyIndex
        }
    }

    /// Reads those manifests whose content the source has; archives are often written for one platform of an index.
    private func readPresent(
        _ descriptors: [Descriptor], depth: Int, _ state: inout State
    ) async throws -> [Descriptor: ImageTree] {
        var present: [Descriptor: ImageTree] = [:]
        var absent: [(descriptor: Descriptor, failure: ImageTreeFailure)] = []
        for descriptor in descriptors {
            let name = descriptor.platform?.description ?? descriptor.digest.description
            try await context(name) {
                do {
                    present[descriptor] = try await read(descriptor, depth: depth + 1, &state)
                } catch let failure as ImageTreeFailure where failure.isAbsence {
                    // What was asked for by name has to be there.
                    guard request.platforms.isEmpty || descriptor.isAttestation else { throw failure }
                    absent.append((descriptor, failure))
                }
            }
        }
        guard let first = absent.first else { return present }
        let images = absent.filter { !$0.descriptor.isAttestation }
        guard !request.isStrict, images.isEmpty || !present.isEmpty else { throw first.failure }
        if !images.isEmpty {
            let names = images.map { $0.descriptor.platform?.description ?? $0.descriptor.digest.description }
            warn("left out, because the source names them but does not have them: " + names.joined(separator: ", "))
        }
        return present
    }

    /// - Throws: when the source names content that it does not have.
    private func expect(_ descriptor: Descriptor) async throws {
        if try await source.isAbsent(descriptor) { throw ImageTreeFailure.absent(descriptor.digest) }
    }

}

extension ImageTree {
    /// Whether there is a layer that can become eStargz.
    fileprivate var hasImage: Bool {
        switch self {
        case .index(_, _, let children): children.contains(where: \.hasImage)
        case .image(let manifest, _, _): manifest.layers.contains { $0.mediaType.layerKind == .tar }
        case .artifact: false
        }
    }

    fileprivate var isEmptyIndex: Bool {
        if case .index(_, _, let children) = self { children.isEmpty } else { false }
    }
}

/// The source has nothing of what was asked for.
package enum ImageTreeFailure: Failure {
    case noPlatform(wanted: [Platform], found: [Platform])
    case noFileSystem
    case absent(Digest)

    /// Whether the source lacks a part of the image.
    var isAbsence: Bool {
        if case .absent = self { true } else { false }
    }

    package var kind: FailureKind {
        switch self {
        case .noPlatform, .absent: .notFound
        case .noFileSystem: .unsupported
        }
    }

    package var description: String {
        switch self {
        case .noPlatform(let wanted, let found):
            "no manifest for \(wanted.map(\.description).joined(separator: ", ")); there are: "
                + (found.isEmpty ? "none" : found.map(\.description).joined(separator: ", "))
        case .noFileSystem: "the image has no layer that is a tar"
        case .absent(let digest): "the source names \(digest), but does not have it"
        }
    }
}
