import Archive
import Content
import EStargz
import OCI
import Synchronization
import SystemPackage
import Transports

/// What to verify, and against what.
package struct VerificationRequest: Sendable {
    /// All when empty.
    package var platforms: [Platform] = []
    /// Counted from 0; all without one.
    package var layer: Int?
    /// Read documents and tables of contents alone.
    package var isQuick = false
    /// Bytes a second that a node is assumed to get.
    package var bandwidth: Int64 = 12_500_000
    package var options: InspectionOptions

    package init(options: InspectionOptions) {
        self.options = options
    }
}

/// Looks whether an image is what it promises to be, and whether it will be lazy.
package struct ImageVerifier: Sendable {
    private let request: VerificationRequest
    private let source: any ImageSource
    private let tables: ExternalTables

    /// - Parameters:
    ///   - request: what to look at.
    ///   - source: where the image is.
    ///   - tables: the external tables of contents, if there are some.
    package init(_ request: VerificationRequest, of source: any ImageSource, tables: ExternalTables) {
        self.request = request
        self.source = source
        self.tables = tables
    }

    /// Looks at everything that was asked for.
    ///
    /// - Throws: when the image cannot be had, or has none of the platforms; never for what is wrong with it.
    package func run() async throws -> ImageVerdict {
        let root = try await source.resolve()
        var verdict = ImageVerdict(root: root)
        try await visit(root, depth: 0, &verdict)
        if verdict.platforms.isEmpty, verdict.findings.isEmpty {
            guard !request.platforms.isEmpty else { throw ImageTreeFailure.noFileSystem }
            throw ImageTreeFailure.noPlatform(wanted: request.platforms, found: verdict.others)
        }
        return verdict
    }

    private func visit(_ descriptor: Descriptor, depth: Int, _ verdict: inout ImageVerdict) async throws {
        try Task.checkCancellation()
        guard depth < indexDepthLimit, verdict.platforms.count < manifestLimit else {
            return verdict.missing(Finding(.index, "indexes lead to too many manifests, or too deep"))
        }
        let type = descriptor.mediaType
        guard type.isIndex else { return try await visitManifest(descriptor, &verdict) }
        do {
            let index = try Index(try await source.document(descriptor), as: type)
            try await checkAttestations(of: index, &verdict)
            checkType(of: index.document, descriptor, &verdict.findings)
            for child in index.manifests where !child.isAttestation {
                guard isWanted(child) else {
                    if let platform = child.platform { verdict.others.append(platform) }
                    continue
                }
                try await visit(child, depth: depth + 1, &verdict)
            }
        } catch let failure as any Failure where failure.isOfTheImage {
            verdict.missing(Finding(.index, "\(descriptor.digest): \(failure)"))
        }
    }

    /// Attestations speak of manifests that stand beside them.
    private func checkAttestations(of index: Index, _ verdict: inout ImageVerdict) async throws {
        let digests = Set(index.manifests.map(\.digest.description))
        for child in index.manifests where child.isAttestation {
            do {
                _ = try await source.document(child)
            } catch let failure as any Failure where failure.isOfTheImage {
                verdict.findings.append(Finding(.index, "attestation \(child.digest): \(failure)"))
            }
            let subject = child.annotation(Annotation.attestedDigest)
            guard subject.map({ !digests.contains($0) }) ?? true else { continue }
            verdict.findings.append(
                Finding(
                    .index,
                    "attestation \(child.digest) speaks of \(subject?.prefix(100).printable ?? "nothing"), which is not in "
                        + "the index"))
        }
    }

    private func checkType(of document: Document, _ descriptor: Descriptor, _ findings: inout [Finding]) {
        guard let stated = document.root["mediaType"]?.string else { return }
        if !stated.isSameText(as: descriptor.mediaType.text) {
            findings.append(
                Finding(
                    .mediaType,
                    "\(descriptor.digest) is named as \(descriptor.mediaType.text.printable), but says that it is "
                        + stated.prefix(100).printable))
        }
    }

    private func isWanted(_ child: Descriptor) -> Bool {
        guard !request.platforms.isEmpty, let platform = child.platform else { return true }
        return request.platforms.contains { $0.matches(platform) }
    }

    private func visitManifest(_ descriptor: Descriptor, _ verdict: inout ImageVerdict) async throws {
        do {
            let document = try await source.document(descriptor)
            let manifest = try Manifest(document, as: descriptor.mediaType)
            guard manifest.hasFilesystem else { return }
            let configuration = try ImageConfiguration(try await source.document(manifest.configuration))
            let platform = descriptor.platform ?? configuration.platform
            if !request.platforms.isEmpty, let platform, !request.platforms.contains(where: { $0.matches(platform) }) {
                return verdict.others.append(platform)
            }
            var result = PlatformVerdict(descriptor: descriptor, platform: platform)
            checkType(of: document, descriptor, &result.findings)
            if let stated = configuration.platform, let named = descriptor.platform, !named.matches(stated) {
                result.findings.append(
                    Finding(.manifest, platform: platform, "the configuration is for \(stated.description.printable)"))
            }
            let layers = manifest.layers
            guard layers.count == configuration.diffIDs.count else {
                let failure = DocumentFailure.layerCountMismatch(
                    layers: layers.count, diffIDs: configuration.diffIDs.count)
                result.obstacle = failure.description
                result.findings.append(Finding(.manifest, platform: platform, failure.description))
                return verdict.platforms.append(result)
            }
            if let number = request.layer, number >= layers.count {
                throw NoLayerFailure(number: number + 1, count: layers.count)
            }
            let wanted = request.layer.map { [$0] } ?? Array(layers.indices)
            let verifier = LayerChecks(request: request, source: source, tables: tables, platform: platform)
            result.layers = try await concurrentMap(
                wanted.filter { layers[$0].mediaType.layerKind != .other },
                width: request.options.jobs
            ) { _, number in
                try await verifier.run(layers[number], configuration.diffIDs[number], number: number + 1)
            }
            result.findings += verifier.checkTogether(result.layers)
            verdict.platforms.append(result)
        } catch let failure as any Failure where failure.isOfTheImage {
            verdict.missing(Finding(.manifest, platform: descriptor.platform, "\(descriptor.digest): \(failure)"))
        }
    }
}

extension Failure {
    /// Whether the image is to blame, not the way to it.
    var isOfTheImage: Bool { [.invalid, .unsupported, .notFound].contains(kind) && !(self is NoLayerFailure) }
}
