import Content
import OCI
import Transports

/// All documents of an image, read before any layer is touched.
indirect enum ImageTree: Sendable {
    case index(Index, Descriptor, [ImageTree])
    case image(Manifest, ImageConfiguration, Descriptor)
    /// A manifest without a file system: attestations, charts, signatures. Its blobs are copied unchanged.
    case artifact(Manifest, Descriptor)

    /// The descriptor by which the source names it.
    var descriptor: Descriptor {
        switch self {
        case .index(_, let descriptor, _), .image(_, _, let descriptor), .artifact(_, let descriptor): descriptor
        }
    }
}

/// Indexes within indexes are legal; more levels than this are not an image any more.
let indexDepthLimit = 4

/// Reads an image's index, manifests and configurations, narrowed to what was asked for.
struct ImageTreeReader: Sendable {
    let source: any ImageSource
    let request: ConversionRequest

    func read() async throws -> ImageTree {
        let root = try await source.resolve()
        let tree = try await read(root, depth: 0)
        let found = tree.platforms
        if !request.platforms.isEmpty, case .image(_, let configuration, _) = tree, !isWanted(configuration.platform) {
            throw ConversionFailure.noPlatform(wanted: request.platforms, found: found)
        }
        guard tree.hasImage else { throw ConversionFailure.nothingToConvert }
        return tree
    }

    private func read(_ descriptor: Descriptor, depth: Int) async throws -> ImageTree {
        let type = descriptor.mediaType
        guard !type.isSchema1 else { throw DocumentFailure.schema1 }
        guard depth < indexDepthLimit, type.isIndex || type.isManifest else {
            throw DocumentFailure.unexpectedType(type)
        }
        let document = try await source.document(descriptor)
        if document.root["schemaVersion"]?.integer == 1 { throw DocumentFailure.schema1 }
        if type.isIndex {
            let index = try Index(document, as: type)
            return .index(index, descriptor, try await readChildren(of: index, depth: depth))
        }
        let manifest = try Manifest(document, as: type)
        guard manifest.hasFilesystem else { return .artifact(manifest, descriptor) }
        let configuration = try await context("configuration \(manifest.configuration.digest)") {
            try ImageConfiguration(try await source.document(manifest.configuration))
        }
        guard configuration.diffIDs.count == manifest.layers.count else {
            throw DocumentFailure.layerCountMismatch(
                layers: manifest.layers.count, diffIDs: configuration.diffIDs.count)
        }
        return .image(manifest, configuration, descriptor)
    }

    private func readChildren(of index: Index, depth: Int) async throws -> [ImageTree] {
        let kept = index.manifests.filter { $0.isAttestation || isWanted($0.platform) || $0.mediaType.isIndex }
        guard kept.contains(where: { !$0.isAttestation }) else {
            throw ConversionFailure.noPlatform(
                wanted: request.platforms,
                found: index.manifests.filter { !$0.isAttestation }.compactMap(\.platform))
        }
        let subjects = Set(kept.map(\.digest.description))
        var children: [ImageTree] = []
        for child in kept {
            if child.isAttestation {
                // One that speaks of a platform that was left out has nothing left to speak of.
                let subject = child.annotation(Annotation.attestedDigest)
                if request.attestations == .drop || subject.map({ !subjects.contains($0) }) ?? false { continue }
            }
            children.append(
                try await context(child.platform?.description ?? child.digest.description) {
                    try await read(child, depth: depth + 1)
                })
        }
        return children
    }

    private func isWanted(_ platform: Platform?) -> Bool {
        guard !request.platforms.isEmpty, let platform else { return true }
        return request.platforms.contains { $0.matches(platform) }
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

    fileprivate var platforms: [Platform] {
        switch self {
        case .index(_, _, let children): children.flatMap(\.platforms)
        case .image(_, let configuration, _): configuration.platform.map { [$0] } ?? []
        case .artifact: []
        }
    }
}

package enum ConversionFailure: Failure {
    case noPlatform(wanted: [Platform], found: [Platform])
    case nothingToConvert
    case wouldOverwriteSource(ImageLocation)

    package var kind: FailureKind {
        switch self {
        case .noPlatform: .notFound
        case .nothingToConvert: .unsupported
        case .wouldOverwriteSource: .usage
        }
    }

    package var description: String {
        switch self {
        case .noPlatform(let wanted, let found):
            "no manifest for \(wanted.map(\.description).joined(separator: ", ")); there are: "
                + (found.isEmpty ? "none" : found.map(\.description).joined(separator: ", "))
        case .nothingToConvert: "nothing to convert: the image has no layer that is a tar"
        case .wouldOverwriteSource(let location):
            "the destination \(location) is the source itself; choose another tag, or say --force"
        }
    }
}
