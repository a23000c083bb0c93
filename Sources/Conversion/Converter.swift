import Archive
import Content
import EStargz
import OCI
import Synchronization
import Transports

/// Converts an image: reads its documents, converts its layers, and writes the edited documents, the name last.
package struct Converter: Sendable {
    private let request: ConversionRequest
    private let source: any ImageSource
    private let destinations: Destinations
    private let events: @Sendable (ConversionEvent) -> Void
    private let warnings = Warnings()

    package init(
        _ request: ConversionRequest, from source: any ImageSource, to destinations: [Destination],
        events: @escaping @Sendable (ConversionEvent) -> Void
    ) {
        self.request = request
        self.source = source
        self.destinations = Destinations(destinations)
        self.events = events
    }

    /// Converts the image. A destination that fails does not keep the others from being served; the report says how it
    /// went at each.
    ///
    /// - Throws: what keeps the image from being converted at all, or the first failure if every destination failed.
    package func run() async throws -> ConversionReport {
        let tree = try await readTree()
        if request.keepsDockerTypes, tree.descriptor.mediaType.isDocker {
            warn(
                "Docker media types are kept: a tool that writes the manifest anew may drop their annotations, and with "
                    + "them what makes the image lazy"
            )
        }
        // Of an archive nobody knows what is in it.
        if request.refusesToReplace { try await destinations.refuseOccupied { $0.digest != nil } }
        let count = tree.images.count
        try await destinations.forEach { [request] _, place in
            try await place.expect(platforms: count)
            if !request.isDryRun { try await place.checkAccess() }
        }
        let profiled = try await profile(tree)
        let layers = profiled.layers(of: tree)
        let outcomes = try await convert(layers, profiled)
        let reports = layers.compactMap { layer in
            outcomes[layer.key].map { LayerReport(layer, $0, docker: request.keepsDockerTypes) }
        }
        guard !request.isDryRun else {
            return ConversionReport(
                source: tree.descriptor, result: nil, layers: reports, deliveries: destinations.deliveries,
                warnings: warnings.all)
        }
        let rewriting = ImageRewriting(
            outcomes: outcomes, profiled: profiled, request: request, source: source, destinations: destinations,
            copy: BlobCopy(source: source, destinations: destinations, events: events))
        let root = try await rewriting.write(tree)
        if request.refusesToReplace { try await destinations.refuseOccupied { $0.digest == root.descriptor.digest } }
        try await destinations.forEach { _, place in try await place.publish(root.document, as: root.descriptor) }
        return ConversionReport(
            source: tree.descriptor, result: root.descriptor, layers: reports, deliveries: destinations.deliveries,
            profile: profiled.record, warnings: warnings.all)
    }

    /// Has a profiler say what comes first, before anything is written; without one, or in a dry run, nothing does.
    private func profile(_ tree: ImageTree) async throws -> ProfiledLayers {
        guard let profiler = request.profiler, !request.isDryRun else { return ProfiledLayers() }
        let profiling = ImageProfiling(
            source: source, request: request,
            events: { event in
                if case .warning(let text) = event { warnings.add(text) }
                events(event)
            }, warn: { warn($0) })
        return try await profiling.run(tree, with: profiler)
    }

    private func readTree() async throws -> ImageTree {
        let selection = ImageTreeReader.Selection(
            platforms: request.platforms, keepsAttestations: request.attestations == .keep,
            isStrict: request.isStrict)
        do {
            return try await ImageTreeReader(of: source, selection, warn: { warn($0) }).read()
        } catch ImageTreeFailure.noFileSystem {
            throw ConversionFailure.nothingToConvert
        }
    }

    /// Converts each distinct layer once, at most `jobs` at a time, in the order in which the image names them.
    private func convert(_ layers: [SourceLayer], _ profiled: ProfiledLayers) async throws -> [LayerKey: LayerOutcome] {
        let conversion = LayerConversion(
            source: source, destinations: destinations, writer: LayerWriter(request.layers), request: request,
            events: events)
        let outcomes = try await concurrentMap(layers, width: request.jobs) { position, layer in
            let id = LayerID(digest: layer.descriptor.digest, number: position + 1, total: layers.count)
            let inflated = profiled.inflated(layer.key)
            return (layer.key, try await convert(layer, inflated: inflated, as: id, with: conversion))
        }
        return Dictionary(outcomes) { first, _ in first }
    }

    private func convert(
        _ layer: SourceLayer, inflated: InflatedLayer?, as id: LayerID, with conversion: LayerConversion
    ) async throws -> LayerOutcome {
        events(.started(id, size: layer.descriptor.size))
        let name = "layer \(id.number) (\(id.digest))"
        let outcome = try await context(name) {
            try await conversion.run(layer, inflated: inflated, as: id)
        }
        if case .unchanged(.keep, let reason?) = outcome {
            warn("\(name) stays as it is, so that it and all above it will be pulled whole: \(reason)")
        }
        events(.finished(id, LayerReport(layer, outcome, docker: request.keepsDockerTypes)))
        return outcome
    }

    private func warn(_ text: String) {
        warnings.add(text)
        events(.warning(text))
    }
}

/// Everything that was warned of, for the report.
private final class Warnings: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0.sorted() } }

    func add(_ text: String) {
        texts.withLock { $0.append(text) }
    }
}

extension LayerReport {
    fileprivate init(_ layer: SourceLayer, _ outcome: LayerOutcome, docker: Bool) {
        source = layer.descriptor
        switch outcome {
        case .converted(let built):
            action = .convert
            result = layer.descriptor.replacing(with: built, docker: docker)
            reason = nil
            prefetchSize = built.prefetchSize > 0 ? built.prefetchSize : nil
        case .unchanged(let action, let reason):
            self.action = action
            result = action == .convert ? nil : layer.descriptor.retyped(docker: docker)
            self.reason = reason
        }
    }
}
