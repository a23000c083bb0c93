import Content
import OCI

extension RegistryClient: ImageDestination {
    package func contains(_ descriptor: Descriptor, mountingFrom source: (any ImageSource)?) async throws -> Bool {
        if try await retry.run({ try await isThere(descriptor) }) { return true }
        // A mirror has nothing that its registry could mount, unless it is that registry.
        let client = source as? RegistryClient ?? (source as? MirroredRegistry)?.current
        guard let source = client, source.path == path, source.base.hasSameOrigin(as: base),
            source.reference.repository != reference.repository
        else { return false }
        return try await concealing { try await mount(descriptor, from: source.reference.repository) }
    }

    /// Opens an upload, and gives it up: only that tells who may push (as `crane` does).
    package func checkAccess() async throws {
        await abandonUpload(
            try await send(HTTPRequest(.post, try url("blobs/uploads/")), for: pushScope, expecting: 202))
    }

    /// Otherwise the session stays open until the registry tires of it. Whether this works does not matter, so nobody is
    /// asked for the right to delete, which some registries want for it.
    private func abandonUpload(_ response: HTTPResponse) async {
        guard response.status == 202, let location = response.headers["Location"],
            let session = try? response.url.resolving(location), session.hasSameOrigin(as: base)
        else { return }
        _ = try? await exchange(HTTPRequest(.delete, session), for: pushScope, expecting: [204], logsIn: false)
    }

    /// Statuses of registries that know no HEAD.
    private static let noHEAD = [400, 405, 501]

    /// Asks once.
    ///
    /// Only an answer that tells the digest or the size counts: web servers say yes to everything, registries of their
    /// own kind say what the specification wants them to say.
    func isThere(_ descriptor: Descriptor) async throws -> Bool {
        var request = HTTPRequest(.head, try url(of: descriptor))
        // A manifest of a type that is not asked for counts as missing.
        if descriptor.mediaType.isIndex || descriptor.mediaType.isManifest {
            request.headers["Accept"] = descriptor.mediaType.text
        }
        let response = try await exchange(request, for: pushScope, expecting: [200, 404] + Self.noHEAD)
        guard response.status == 200 else { return false }
        if let found = response.contentDigest, found.algorithm == descriptor.digest.algorithm {
            return found == descriptor.digest
        }
        return response.headers["Content-Length"].flatMap { Int64($0) } == descriptor.size
    }

    package func containsAll(of manifest: Descriptor) async throws -> Bool {
        try await contains(manifest, mountingFrom: nil)
    }

    package func put(
        _ blob: any ByteSource, as descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void
    ) async throws {
        try await concealing {
            var upload = BlobUpload(of: blob, as: descriptor, to: self, progress: progress)
            try await upload.run()
        }
    }

    package func put(manifest: Document, as descriptor: Descriptor) async throws {
        try await put(manifest, named: descriptor.digest.description, as: descriptor)
    }

    /// - Throws: also when the reference names a digest only, and the image has another.
    package func publish(_ root: Document, as descriptor: Descriptor) async throws {
        if let expected = reference.digest, expected != descriptor.digest {
            throw DigestFailure.mismatch(expected: expected, actual: descriptor.digest)
        }
        let tags = tags
        if tags.isEmpty { try await put(root, named: descriptor.digest.description, as: descriptor) }
        // Tags that may not change are refused by some registries even for what they stand for already.
        for tag in tags where try await digest(of: tag) != descriptor.digest {
            try await put(root, named: tag, as: descriptor)
        }
    }

    package func occupants() async throws -> [Occupant] {
        var found: [Occupant] = []
        for tag in tags {
            if let digest = try await digest(of: tag, doubtsAbsence: true) {
                found.append(Occupant(name: tag, digest: digest))
            }
        }
        return found
    }

    /// All tags to publish under, each once; none when the reference names a digest alone.
    private var tags: [String] {
        var seen: Set<String> = []
        return ((reference.tag.map { [$0] } ?? []) + additionalTags).filter { seen.insert($0).inserted }
    }

    /// What a tag stands for, asked with HEAD; with GET where the answer is of no use.
    ///
    /// - Parameters:
    ///   - tag: one of this repository.
    ///   - doubtsAbsence: ask with GET as well when the registry says that there is none: some say so to any HEAD.
    /// - Returns: `nil` when there is no such tag.
    /// - Throws: when the registry does not answer as it should.
    private func digest(of tag: String, doubtsAbsence: Bool = false) async throws -> Digest? {
        var request = HTTPRequest(.head, try url("manifests/\(tag)"))
        request.headers["Accept"] = MediaType.manifests.map(\.text).joined(separator: ", ")
        var response = try await retry.run { [request] in
            try await exchange(request, for: pushScope, expecting: [200, 404] + Self.noHEAD)
        }
        let isUnclear = Self.noHEAD.contains(response.status) || response.status == 404 && doubtsAbsence
        if isUnclear || response.status == 200 && response.contentDigest == nil {
            request.method = .get
            request.receiver = .memory(limit: Document.sizeLimit)
            response = try await send(request, for: pushScope, expecting: 200, 404)
        }
        guard response.status == 200 else { return nil }
        return response.contentDigest ?? Digest(of: response.body)
    }

    var pushScope: TokenScope { .push(reference.repository) }

    private func put(_ document: Document, named name: String, as descriptor: Descriptor) async throws {
        var request = HTTPRequest(.put, try url("manifests/\(name)"), body: .bytes(document.bytes))
        request.headers["Content-Type"] = descriptor.mediaType.text
        try await retry.run { [request] in
            let response = try await exchange(request, for: pushScope, expecting: [201, 200, 202, 204])
            // Bytes that were changed on their way may still be a manifest, which then has taken the name.
            if let found = response.contentDigest, found.algorithm == descriptor.digest.algorithm,
                found != descriptor.digest
            {
                throw DigestFailure.mismatch(expected: descriptor.digest, actual: found)
            }
        }
    }

    /// Lets the registry take a blob over from another of its repositories.
    ///
    /// - Returns: `false` when it would not, for whatever reason: then the blob is uploaded, and that will tell.
    private func mount(_ descriptor: Descriptor, from source: String) async throws -> Bool {
        let request = HTTPRequest(
            .post,
            try url("blobs/uploads/").appending("mount", descriptor.digest.description).appending("from", source))
        // An upload is not worth much patience.
        var retry = retry
        (retry.tries, retry.longestRetryAfter) = (min(2, retry.tries), .seconds(1))
        let response: HTTPResponse
        do {
            let scope = TokenScope.mount(from: source, to: reference.repository)
            response = try await retry.run {
                try await exchange(request, for: scope, expecting: [201, 202, 400, 404, 405])
            }
        } catch is any Failure {
            // Whatever is wrong, the upload is tried all the same. Some token servers refuse everything when the source
            // alone may not be read.
            return false
        }
        await abandonUpload(response)
        return response.status == 201
    }
}
