import Content
import OCI

/// Looks at an image that is in a repository already, where nothing may be pushed.
struct ReadProbe {
    private let client: RegistryClient
    private(set) var findings: [ProbeReport.Finding] = []

    init(_ client: RegistryClient) {
        self.client = client
    }

    /// - Returns: the largest layer of an image, since small ones have no room for several ranges; `nil` when the
    ///   repository has no image with a layer.
    /// - Throws: when the registry lets nobody in, or what it has is malformed.
    mutating func findLayer() async throws -> Descriptor? {
        guard let (source, found) = try await client.findImage() else { return nil }
        var root = found
        let name = source.reference.tag ?? root.digest.description
        if try await source.referrers(of: root.digest) != nil { note(.referrers, "there is a list of them") }
        var document = try await source.document(root)
        if root.mediaType.isIndex {
            if root.mediaType == .ociIndex { note(.index, "\(name) is one") }
            let manifests = try Index(document, as: root.mediaType).manifests
            guard let first = manifests.first(where: { !$0.isAttestation }) else { return nil }
            root = first
            document = try await source.document(root)
        }
        guard root.mediaType.isManifest else { return nil }
        if root.mediaType == .ociManifest { note(.manifest, "\(name) is one") }
        let layers = try Manifest(document, as: root.mediaType).layers.filter { $0.mediaType.layerKind == .tar }
        if layers.contains(where: { $0.annotation(Annotation.tocDigest) != nil }) {
            note(.annotations, "the layers of \(name) have them")
        }
        return layers.max { $0.size < $1.size }
    }

    private mutating func note(_ check: ProbeReport.Check, _ detail: String) {
        findings.append(ProbeReport.Finding(check, .works, detail))
    }
}

extension RegistryClient {
    /// The image that is named, or any other of the repository.
    ///
    /// - Returns: the index or manifest, and the client that it belongs to; `nil` when there is no image.
    /// - Throws: when the registry lets nobody in.
    func findImage() async throws -> (RegistryClient, Descriptor)? {
        do {
            return (self, try await resolve())
        } catch let failure as any Failure where failure.kind == .notFound && reference.digest == nil {
            guard let tag = try await anyTag() else { return nil }
            let other = try naming(tag: tag)
            return (other, try await other.resolve())
        }
    }

    /// One of the tags of the repository; `nil` when it has none, or does not list them.
    fileprivate func anyTag() async throws -> String? {
        let request = HTTPRequest(.get, try url("tags/list?n=1"), receiver: .memory(limit: Document.sizeLimit))
        let response = try await send(request, for: .pull(reference.repository), expecting: 200, 404, 405)
        guard response.status == 200 else { return nil }
        // A proxy may answer anything with success.
        return (try? JSON(parsing: response.body))?["tags"]?.array?.first?.string
    }
}
