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
        var verdict = ImageVerdict(root: root, platforms: request.platforms)
        try await visit(root, depth: 0, &verdict)
        // What could not be read may have been what was asked for.
        if !verdict.isIncomplete { try verdict.selection.check() }
        guard !verdict.platforms.isEmpty || !verdict.findings.isEmpty else { throw ImageTreeFailure.noFileSystem }
        return verdict
    }

    private func visit(_ descriptor: Descriptor, depth: Int, _ verdict: inout ImageVerdict) async throws {
        try Task.checkCancellation()
        guard verdict.visit(descriptor) else { return }
        guard depth < indexDepthLimit else { return verdict.missing(Finding(.index, "indexes lead too deep")) }
        let type = descriptor.mediaType
        guard type.isIndex else { return try await visitManifest(descriptor, &verdict) }
        do {
            let index = try Index(try await source.document(descriptor), as: type)
            if let text = DocumentShape.index.mismatch(in: index.document.root) {
                verdict.missing(Finding(.index, "\(descriptor.digest): \(text)"))
            }
            verdict.findings += DocumentChecks.typeFindings(of: index.document, descriptor)
            try await checkAttestations(of: index, &verdict)
            verdict.selection.note(imagesOf: index)
            for child in index.manifests where !child.isAttestation && !verdict.isCutOff {
                guard child.platform.map(verdict.selection.includes) ?? true else { continue }
                try await visit(child, depth: depth + 1, &verdict)
            }
        } catch let failure as any Failure where failure.isOfTheImage {
            verdict.missing(Finding(.index, "\(descriptor.digest): \(failure)"))
        }
    }

    /// Attestations speak of manifests that stand beside them.
    private func checkAttestations(of index: Index, _ verdict: inout ImageVerdict) async throws {
        let digests = Set(index.manifests.map(\.digest.description))
        for child in index.manifests where child.isAttestation && verdict.visit(child) {
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

    private func visitManifest(_ descriptor: Descriptor, _ verdict: inout ImageVerdict) async throws {
        do {
            let document = try await source.document(descriptor)
            let manifest = try Manifest(document, as: descriptor.mediaType)
            guard manifest.hasFilesystem else { return }
            let configuration = try ImageConfiguration(try await source.document(manifest.configuration))
            let platform = descriptor.platform ?? configuration.platform
            if descriptor.platform == nil { verdict.selection.note(configuration.platform) }
            guard platform.map(verdict.selection.includes) ?? true else { return }
            var result = PlatformVerdict(descriptor: descriptor, platform: platform)
            DocumentChecks(platform: platform).check(manifest, descriptor, configuration, &result)
            if let number = request.layer, number >= manifest.layers.count {
                throw NoLayerFailure(number: number + 1, count: manifest.layers.count)
            }
            if manifest.layers.count == configuration.diffIDs.count {
                try await checkLayers(of: manifest, configuration, &result)
            }
            verdict.platforms.append(result)
        } catch let failure as any Failure where failure.isOfTheImage {
            verdict.missing(Finding(.manifest, platform: descriptor.platform, "\(descriptor.digest): \(failure)"))
        }
    }

    private func checkLayers(
        of manifest: Manifest, _ configuration: ImageConfiguration, _ result: inout PlatformVerdict
    ) async throws {
        let layers = manifest.layers
        let checks = LayerChecks(request: request, source: source, tables: tables, platform: result.platform)
        result.layers = try await concurrentMap(
            request.layer.map { [$0] } ?? Array(layers.indices), width: request.options.jobs
        ) { _, number in
            try await context("layer \(number + 1) (\(layers[number].digest.short))") {
                try await checks.run(layers[number], configuration.diffIDs[number], number: number + 1)
            }
        }
        result.findings += checks.checkTogether(result.layers)
    }
}

extension Failure {
    /// Whether the image is to blame, not the way to it.
    var isOfTheImage: Bool { [.invalid, .unsupported, .notFound].contains(kind) && !(self is NoLayerFailure) }
}
