import Content
import OCI

/// Finds out whether images from a registry can be lazy, and what else it can do, by trying.
package struct RegistryProbe: Sendable {
    private let reference: ImageReference
    private let mountSource: ImageReference?
    private let isReadOnly: Bool
    private let options: TransportOptions

    /// - Parameters:
    ///   - reference: the repository; its tag or digest names an image to read where nothing is pushed.
    ///   - source: a repository to mount a blob from, as typed: with the registry, or without.
    ///   - isReadOnly: push nothing.
    ///   - options: how to reach the registry.
    /// - Throws: when `source` is malformed, or in another registry.
    package init(
        _ reference: ImageReference, mountingFrom source: String? = nil, isReadOnly: Bool, _ options: TransportOptions
    ) throws {
        self.reference = reference
        self.isReadOnly = isReadOnly
        self.options = options
        mountSource = try source.map { text in
            let source = try ImageReference(parsing: text)
            if source.registry == reference.registry { return source }
            guard source.isShort else { throw ProbeFailure.otherRegistry(text, expected: reference.registry) }
            return try ImageReference(parsing: "\(reference.registry)/\(text)")
        }
    }

    /// Tries everything that may be tried, and cleans up.
    ///
    /// - Throws: when the registry cannot be reached or lets nobody in, or when there is nothing to read.
    package func run() async throws -> ProbeReport {
        guard !isReadOnly else { return try await read(because: "nothing was to be pushed") }
        let client = try RegistryClient(reference, options, for: .push(reference.repository))
        var push = PushProbe(client)
        do {
            try await push.pushBlobs()
        } catch let failure as any Failure where failure.kind == .denied {
            return try await read(because: "pushing is denied: \(failure)")
        } catch {
            _ = await push.clean()
            throw error
        }
        guard let layer = push.layer else {
            return try await read(because: "no blob can be pushed", push.findings)
        }
        let findings: [ProbeReport.Finding]
        do {
            if let mountSource {
                let source = try RegistryClient(mountSource, options, for: .pull(mountSource.repository))
                try await push.mount(from: source)
            }
            try await push.pushManifests()
            var ranges = RangeProbe(client, layer.descriptor, content: layer.bytes)
            try await ranges.run()
            findings = push.findings + ranges.findings
        } catch {
            _ = await push.clean()
            throw error
        }
        return ProbeReport(name, findings, await push.clean()) { check in
            switch check {
            case .mount: "needs a second repository; name one with --mount-from"
            case .annotations, .index, .referrers: "needs a manifest"
            default: "needs what failed"
            }
        }
    }

    private var name: String { "\(reference.registry)/\(reference.repository)" }

    /// Looks at an image that is there.
    ///
    /// - Parameters:
    ///   - reason: why nothing is pushed.
    ///   - found: what is known already.
    /// - Returns: the report.
    /// - Throws: when there is no such image.
    private func read(because reason: String, _ found: [ProbeReport.Finding] = []) async throws -> ProbeReport {
        let client = try RegistryClient(reference, options, for: .pull(reference.repository))
        var look = ReadProbe(client)
        guard let layer = try await look.findLayer() else {
            throw ProbeFailure.nothingToRead(name, reason: reason)
        }
        var ranges = RangeProbe(client, layer, content: nil)
        try await ranges.run()
        return ProbeReport(name, found + look.findings + ranges.findings, []) { _ in reason }
    }
}
