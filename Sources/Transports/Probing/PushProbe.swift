import Content
import OCI

/// Pushes an image of small blobs piece by piece, and notes what the registry makes of it.
///
/// What was pushed is deleted by `clean`, as far as the registry allows it.
struct PushProbe {
    private let client: RegistryClient
    private let image = ProbeImage()
    private(set) var findings: [ProbeReport.Finding] = []
    /// Blobs that the registry has taken, manifests in the order in which one names the other.
    private var blobs: [Digest] = []
    private var manifests: [Digest] = []
    private var layers: [ProbeImage.Blob] = []

    init(_ client: RegistryClient) {
        self.client = client
    }

    /// A layer that is there now, for reading; `nil` when the registry has taken none.
    var layer: ProbeImage.Blob? { layers.first }

    /// Pushes blobs.
    ///
    /// - Throws: a failure of kind `.denied` when this is forbidden.
    mutating func pushBlobs() async throws {
        try await check(.whole) { probe in
            let layer = probe.image.layers[0]
            let session = try await probe.open()
            try await probe.close(session.url, with: layer.bytes, as: layer.descriptor)
            probe.layers.append(layer)
            return (.works, "one PUT with all bytes")
        }
        try await check(.chunks) { probe in
            let layer = probe.image.layers[1]
            let detail = try await probe.pushInChunks(layer)
            probe.layers.append(layer)
            return (.works, detail)
        }
    }

    /// Takes a blob over from another repository of the registry.
    mutating func mount(from source: RegistryClient) async throws {
        try await check(.mount) { probe in
            let name = source.reference.repository
            let blobs: [Descriptor]
            do {
                blobs = try await source.someBlobs()
            } catch let failure as any Failure {
                return (.untested, "\(name) cannot be read: \(Self.reason(failure))")
            }
            for blob in blobs.sorted(by: { $0.size < $1.size }) {
                guard try await !probe.client.contains(blob, mountingFrom: nil) else { continue }
                guard try await probe.client.contains(blob, mountingFrom: source) else {
                    return (.fails, "blobs of \(name) have to be uploaded again")
                }
                probe.blobs.append(blob.digest)
                return (.works, "from \(name)")
            }
            return (.untested, "\(name) has no image, or all of its blobs are here already")
        }
    }

    /// Pushes a manifest, an index and something that refers to them.
    mutating func pushManifests() async throws {
        guard let layer else { return }
        let configuration = image.configuration(layers)
        let document = image.manifest(layers, configuration)
        let manifest = document.descriptor(.ociManifest)
        try await check(.manifest) { probe in
            try await probe.client.put(configuration.bytes, as: configuration.descriptor) { _ in }
            probe.blobs.append(configuration.descriptor.digest)
            try await probe.put(document, named: manifest.digest.description)
            return (.works, "pushed by its digest")
        }
        guard manifests == [manifest.digest] else { return }
        try await check(.annotations) { probe in
            let found = try await probe.read(manifest.digest.description)
            let layer = (try? JSON(parsing: found))?["layers"]?.array?.first
            for (key, value) in ProbeImage.annotations where layer?["annotations"]?[key]?.string != value {
                return (.fails, "the layer came back without \(key)")
            }
            guard found == document.bytes else { return (.fails, "the manifest came back with other bytes") }
            return (.works, "the manifest came back byte for byte")
        }
        try await check(.index) { probe in
            let index = probe.image.index(manifest)
            try await probe.put(index, named: index.digest.description)
            guard try await probe.read(index.digest.description) == index.bytes else {
                return (.limited, "the index came back with other bytes")
            }
            return (.works, "the index came back byte for byte")
        }
        try await check(.referrers) { try await $0.pushReferrer(to: manifest, layer, configuration) }
    }

    /// Deletes what was pushed.
    ///
    /// - Returns: what the registry keeps.
    func clean() async -> [ProbeReport.Leftover] {
        // Not as part of this task: when it is cancelled, because somebody interrupts the program, its requests fail.
        await Task.detached { [manifests, blobs, layers] in
            let parts =
                manifests.reversed().map { ("manifests", $0) }
                + (layers.map(\.descriptor.digest) + blobs).map { ("blobs", $0) }
            var left: [ProbeReport.Leftover] = []
            for (kind, digest) in parts {
                do {
                    try await client.delete(kind, digest)
                } catch {
                    left.append(ProbeReport.Leftover(kind: kind, digest: digest, reason: Self.reason(error)))
                }
            }
            return left
        }.value
    }

    // MARK: Steps

    private typealias Result = (outcome: ProbeReport.Outcome, detail: String)

    /// Notes what becomes of a step. What the registry refuses is a finding, not an error.
    private mutating func check(
        _ check: ProbeReport.Check, _ step: (inout PushProbe) async throws -> Result
    ) async throws {
        do {
            let result = try await client.concealing { try await step(&self) }
            findings.append(ProbeReport.Finding(check, result.outcome, result.detail))
        } catch let failure as any Failure {
            // Where nothing may be pushed at all, there is no point in going on.
            if check == .whole, failure.kind == .denied { throw failure }
            findings.append(ProbeReport.Finding(check, .fails, Self.reason(failure)))
        }
    }

    private static func reason(_ error: any Error) -> String {
        (error as? RegistryFailure)?.summary ?? (error as? any Failure)?.description.printable ?? "\(error)"
    }

    private func open() async throws -> (url: HTTPURL, smallestChunk: Int64) {
        let request = HTTPRequest(.post, try client.url("blobs/uploads/"))
        let response = try await client.send(request, for: client.pushScope, expecting: 202)
        guard let url = try client.uploadLocation(in: response) else {
            throw RegistryAnswerFailure.noLocation(response.url)
        }
        return (url, response.headers["OCI-Chunk-Min-Length"].flatMap { Int64($0) } ?? 0)
    }

    private func close(_ session: HTTPURL, with bytes: [UInt8], as descriptor: Descriptor) async throws {
        var request = HTTPRequest(
            .put, session.appending("digest", descriptor.digest.description),
            body: bytes.isEmpty ? .none : .bytes(bytes))
        request.headers["Content-Type"] = "application/octet-stream"
        _ = try await client.exchange(request, for: client.pushScope, expecting: [201, 200, 202, 204])
        guard try await client.contains(descriptor, mountingFrom: nil) else {
            throw ProbeFailure.lost(descriptor.digest)
        }
    }

    private func pushInChunks(_ layer: ProbeImage.Blob) async throws -> String {
        var (session, smallest) = try await open()
        let half = layer.bytes.count / 2
        let cuts = smallest > half ? [0, layer.bytes.count] : [0, half, layer.bytes.count]
        do {
            for (start, end) in zip(cuts, cuts.dropFirst()) {
                var request = HTTPRequest(.patch, session, body: .bytes(Array(layer.bytes[start..<end])))
                request.headers["Content-Type"] = "application/octet-stream"
                request.headers["Content-Range"] = "\(start)-\(end - 1)"
                let response = try await client.exchange(request, for: client.pushScope, expecting: [202, 201, 204])
                session = try client.uploadLocation(in: response) ?? session
            }
            try await close(session, with: [], as: layer.descriptor)
        } catch {
            // Else it stays open until the registry tires of it. Whether this works does not matter.
            _ = try? await client.exchange(HTTPRequest(.delete, session), for: client.pushScope, expecting: [204])
            throw error
        }
        return smallest > 0 ? "each of at least \(smallest) bytes" : "two PATCHes of any size"
    }

    private mutating func pushReferrer(
        to manifest: Descriptor, _ layer: ProbeImage.Blob, _ configuration: ProbeImage.Blob
    ) async throws -> Result {
        let document = image.referrer(to: manifest, layer, configuration)
        let referrer = document.descriptor(.ociManifest)
        try await put(document, named: referrer.digest.description)
        if let list = try await client.referrers(of: manifest.digest) {
            let isListed = list.contains { $0["digest"]?.string == referrer.digest.description }
            return isListed
                ? (.works, "what refers to an image is listed")
                : (.fails, "the list lacks what was pushed just before")
        }
        // A tag can be seen by everybody, so it is made only where it will not stay.
        do {
            guard let index = manifests.dropFirst().first, index != referrer.digest else { throw ProbeFailure.noIndex }
            try await client.delete("manifests", index)
        } catch let failure as any Failure {
            return (
                .limited,
                "no list; not tried whether a tag can stand in for it, since it would stay: \(Self.reason(failure))"
            )
        }
        let list = image.list(of: referrer)
        let tag = "sha256-\(manifest.digest.hex)"
        try await put(list, named: tag)
        guard try await read(tag) == list.bytes else { return (.fails, "the list under a tag came back changed") }
        return (.limited, "no list, but the tag that stands in for it works")
    }

    private mutating func put(_ document: Document, named name: String) async throws {
        let type = document.root["mediaType"]?.string ?? ""
        var request = HTTPRequest(.put, try client.url("manifests/\(name)"), body: .bytes(document.bytes))
        request.headers["Content-Type"] = type
        _ = try await client.send(request, for: client.pushScope, expecting: 201, 200, 202, 204)
        manifests.append(document.digest)
    }

    /// Reads a manifest or index as containerd asks for it.
    private func read(_ name: String) async throws -> [UInt8] {
        var request = HTTPRequest(
            .get, try client.url("manifests/\(name)"), receiver: .memory(limit: Document.sizeLimit))
        let types = [MediaType.dockerManifest, .dockerIndex, .ociManifest, .ociIndex]
        request.headers["Accept"] = types.map(\.text).joined(separator: ", ") + ", */*"
        return try await client.send(request, for: client.pushScope, expecting: 200).body
    }
}

extension RegistryClient {
    /// The blobs of one image of the repository; empty when there is none.
    fileprivate func someBlobs() async throws -> [Descriptor] {
        guard let (source, found) = try await findImage() else { return [] }
        var root = found
        if root.mediaType.isIndex {
            let index = try Index(try await source.document(root), as: root.mediaType)
            guard let first = index.manifests.first else { return [] }
            root = first
        }
        let manifest = try Manifest(try await source.document(root), as: root.mediaType)
        return ([manifest.configuration] + manifest.layers).filter { $0.mediaType.layerKind != .foreign }
    }

    fileprivate func delete(_ kind: String, _ digest: Digest) async throws {
        let request = HTTPRequest(.delete, try url("\(kind)/\(digest)"))
        _ = try await send(request, for: pushScope, expecting: 202, 200, 204, 404)
    }

    /// The descriptors of what refers to a manifest (OCI distribution specification, "Listing Referrers").
    ///
    /// - Returns: `nil` when the registry has no such list.
    func referrers(of digest: Digest) async throws -> [JSON]? {
        let request = HTTPRequest(.get, try url("referrers/\(digest)"), receiver: .memory(limit: Document.sizeLimit))
        let response = try await send(
            request, for: .pull(reference.repository), expecting: 200, 400, 404, 405, 406, 501)
        guard response.status == 200 else { return nil }
        // A proxy may answer anything with success.
        return (try? JSON(parsing: response.body))?["manifests"]?.array
    }
}

extension RegistryFailure {
    /// In a row of a table there is no room for more.
    fileprivate var summary: String {
        let reason = diagnostics.first.map { ": \($0.code.isEmpty ? $0.message : $0.code)" } ?? ""
        return "\(method.rawValue): status \(status)\(reason)"
    }
}
