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
        if let text = DocumentShape.manifest.mismatch(in: manifest.document.root) { refuse(.manifest, text, &verdict) }
        let root = configuration.document.root
        if let text = DocumentShape.configuration.mismatch(in: root) ?? Self.badTime(in: root) {
            refuse(.manifest, "the configuration: \(text)", &verdict)
        }
        let type = manifest.configuration.mediaType
        if type != .ociConfiguration, type != .dockerConfiguration {
            let text = "the configuration is of type \(type.text.prefix(200).printable), expected that of an image"
            refuse(.mediaType, text, &verdict)
        }
        checkPlatform(configuration, descriptor, &verdict)
        for blob in [manifest.configuration] + manifest.layers where !blob.hasRightData {
            find(.manifest, "the data in the descriptor of \(blob.digest) is something else", &verdict)
        }
        let (layers, diffIDs) = (manifest.layers.count, configuration.diffIDs.count)
        if layers != diffIDs {
            refuse(
                .manifest, DocumentFailure.layerCountMismatch(layers: layers, diffIDs: diffIDs).description, &verdict)
        }
    }

    private func checkPlatform(
        _ configuration: ImageConfiguration, _ descriptor: Descriptor, _ verdict: inout PlatformVerdict
    ) {
        guard let stated = configuration.platform else {
            if verdict.obstacle == nil { find(.manifest, "the configuration says no os or architecture", &verdict) }
            return
        }
        if let named = descriptor.platform, !named.isConsistent(with: stated) {
            find(.manifest, "the configuration is for \(stated.description.printable)", &verdict)
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

    /// A time of another kind, for which readers in Go refuse the whole configuration.
    private static func badTime(in configuration: JSON) -> String? {
        let history = configuration["history"]?.array ?? []
        return ([configuration["created"]] + history.map { $0["created"] }).lazy.compactMap { $0?.string }
            .first { TarEntry.Time(rfc3339: $0) == nil }
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

extension Descriptor {
    /// Whether the content that it holds itself, if it does, is what it describes (OCI image specification, descriptor.md).
    fileprivate var hasRightData: Bool {
        guard let data = json["data"]?.string.flatMap({ Base64.bytes(of: $0, isPadded: true) }) else { return true }
        var hasher = Hasher(digest.algorithm)
        data.withUnsafeBytes { hasher.update($0) }
        return Int64(data.count) == size && hasher.finalize() == digest
    }
}
