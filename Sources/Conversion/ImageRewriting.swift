import Content
import EStargz
import OCI
import Transports

/// Edits configurations, manifests and indexes in place, innermost first, and writes them.
struct ImageRewriting: Sendable {
    /// A document with the descriptor by which others will name it.
    struct Written: Sendable {
        let document: Document
        let descriptor: Descriptor
    }

    let outcomes: [LayerKey: LayerOutcome]
    let profiled: ProfiledLayers
    let request: ConversionRequest
    let source: any ImageSource
    let destinations: Destinations
    let copy: BlobCopy

    /// Writes everything below the root; the root itself is left to be published.
    func write(_ tree: ImageTree) async throws -> Written {
        switch tree {
        case .index(let index, let descriptor, let children): try await write(index, descriptor, children)
        case .image(let manifest, let configuration, let descriptor):
            try await write(
                SourceImage(manifest: manifest, configuration: configuration, descriptor: descriptor))
        case .artifact(let manifest, let descriptor): try await write(artifact: manifest, descriptor)
        }
    }

    private func write(_ image: SourceImage) async throws -> Written {
        let manifest = image.manifest
        let oldLayers = profiled.layers(of: image)
        let newConfiguration = image.configuration.replacing(
            diffIDs: oldLayers.map { layer in
                if case .converted(let built) = outcomes[layer.key] { built.diffID } else { layer.key.diffID }
            })
        let configurationDescriptor = manifest.configuration.replacing(
            mediaType: type(manifest.configuration.mediaType), digest: newConfiguration.digest,
            size: Int64(newConfiguration.bytes.count))
        try await put(newConfiguration, as: configurationDescriptor)

        let layers = oldLayers.map { layer in
            if case .converted(let built) = outcomes[layer.key] {
                return layer.descriptor.replacing(with: built, docker: request.keepsDockerTypes)
            }
            return layer.descriptor.retyped(docker: request.keepsDockerTypes)
        }
        let newType = type(manifest.mediaType)
        let document = manifest.document.editing { root in
            root["mediaType"] = .string(newType.text)
            root["config"] = configurationDescriptor.json
            root["layers"] = .array(layers.map(\.json))
        }
        return written(document, replacing: image.descriptor, as: newType)
    }

    private func write(_ index: Index, _ old: Descriptor, _ children: [ImageTree]) async throws -> Written {
        var replaced: [Digest: Descriptor] = [:]
        var results: [Descriptor] = []
        for child in children {
            // A platform that occurs twice is written once, but both its descriptors stay.
            if let done = replaced[child.descriptor.digest] {
                results.append(
                    child.descriptor.replacing(mediaType: done.mediaType, digest: done.digest, size: done.size))
                continue
            }
            let result = try await write(child)
            try await destinations.forEach { _, place in
                try await place.put(manifest: result.document, as: result.descriptor)
            }
            replaced[child.descriptor.digest] = result.descriptor
            results.append(result.descriptor)
        }
        let manifests = results.map { $0.followingSubject(in: replaced).json }
        let newType = type(index.mediaType)
        let document = index.document.editing { root in
            root["mediaType"] = .string(newType.text)
            root["manifests"] = .array(manifests)
        }
        return written(document, replacing: old, as: newType)
    }

    private func write(artifact manifest: Manifest, _ old: Descriptor) async throws -> Written {
        for blob in [manifest.configuration] + manifest.layers {
            _ = try await context("blob \(blob.digest)") { try await copy.run(blob, as: nil) }
        }
        return Written(document: manifest.document, descriptor: old)
    }

    private func written(_ document: Document, replacing old: Descriptor, as type: MediaType) -> Written {
        Written(
            document: document,
            descriptor: old.replacing(mediaType: type, digest: document.digest, size: Int64(document.bytes.count)))
    }

    private func put(_ document: Document, as descriptor: Descriptor) async throws {
        let lacking = try await destinations.lacking(descriptor)
        try await destinations.put(document, as: descriptor, at: lacking) { _ in }
    }

    private func type(_ type: MediaType) -> MediaType {
        request.keepsDockerTypes ? type : type.asOCI
    }
}

extension Descriptor {
    /// An attestation speaks of a manifest by digest, which has to be the new one.
    fileprivate func followingSubject(in replaced: [Digest: Descriptor]) -> Descriptor {
        guard let text = annotation(Annotation.attestedDigest), let old = try? Digest(parsing: text),
            let new = replaced[old]
        else { return self }
        var result = self
        result.editAnnotations { $0[Annotation.attestedDigest] = .string(new.digest.description) }
        return result
    }
}
