import Archive
import Content
import OCI

/// Verifies what the documents of an image say, one by one and together.
struct DocumentChecks {
    let platform: Platform?

    func check(
        _ manifest: Manifest, _ descriptor: Descriptor, _ configuration: ImageConfiguration,
        _ verdict: inout PlatformVerdict
    ) {
        verdict.findings += Self.typeFindings(of: manifest.document, descriptor)
        for text in Self.flaws(of: manifest.document, .manifest) { refuse(.manifest, text, &verdict) }
        for text in Self.flaws(of: configuration.document, .configuration) + Self.times(of: configuration.document) {
            refuse(.manifest, "the configuration: \(text)", &verdict)
        }
        let type = manifest.configuration.mediaType
        if type != .ociConfiguration, type != .dockerConfiguration {
            let text = "the configuration is of type \(type.text.prefix(200).printable), expected that of an image"
            refuse(.mediaType, text, &verdict)
        }
        if configuration.platform == nil {
            if verdict.obstacle == nil { find(.manifest, "the configuration says no os or architecture", &verdict) }
        } else if let stated = configuration.platform, let named = descriptor.platform,
            !named.isConsistent(with: stated)
        {
            find(.manifest, "the configuration is for \(stated.description.printable)", &verdict)
        }
        for blob in [manifest.configuration] + manifest.layers {
            guard let data = blob.json["data"]?.string.flatMap({ Base64.bytes(of: $0, isPadded: true) }) else {
                continue
            }
            var hasher = Hasher(blob.digest.algorithm)
            data.withUnsafeBytes { hasher.update($0) }
            if Int64(data.count) != blob.size || hasher.finalize() != blob.digest {
                find(.manifest, "the data in the descriptor of \(blob.digest) is something else", &verdict)
            }
        }
        let (layers, diffIDs) = (manifest.layers.count, configuration.diffIDs.count)
        if layers != diffIDs {
            refuse(
                .manifest, DocumentFailure.layerCountMismatch(layers: layers, diffIDs: diffIDs).description, &verdict)
        }
    }

    /// What nobody can pull at all.
    private func refuse(_ promise: ImagePromise, _ text: String, _ verdict: inout PlatformVerdict) {
        verdict.obstacle = verdict.obstacle ?? text
        find(promise, text, &verdict)
    }

    private func find(_ promise: ImagePromise, _ text: String, _ verdict: inout PlatformVerdict) {
        verdict.findings.append(Finding(promise, platform: platform, text))
    }

    /// What of a document's fields readers refuse.
    static func flaws(of document: Document, _ shape: DocumentShape) -> [String] {
        shape.mismatch(in: document.root).map { [$0] } ?? []
    }

    /// Times of another kind make readers in Go refuse the whole configuration.
    private static func times(of configuration: Document) -> [String] {
        let history = configuration.root["history"]?.array ?? []
        return ([configuration.root["created"]] + history.map { $0["created"] }).lazy
            .compactMap { $0?.string }.filter { TarEntry.Time(rfc3339: $0) == nil }.prefix(1)
            .map { "'\($0.prefix(60).printable)' is no time of RFC 3339" }
    }

    /// What a document says that it is.
    static func typeFindings(of document: Document, _ descriptor: Descriptor) -> [Finding] {
        var findings: [Finding] = []
        if let stated = document.root["mediaType"]?.string, !stated.isSameText(as: descriptor.mediaType.text) {
            findings.append(
                Finding(
                    .mediaType,
                    "\(descriptor.digest) is named as \(descriptor.mediaType.text.printable), but says that it is "
                        + stated.prefix(100).printable))
        }
        if document.root["schemaVersion"]?.integer != 2 {
            findings.append(
                Finding(
                    descriptor.mediaType.isIndex ? .index : .manifest,
                    "\(descriptor.digest): expected 2 as schemaVersion"))
        }
        return findings
    }
}
