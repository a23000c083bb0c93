import Content
import OCI
import Synchronization
import SystemPackage

extension RegistryClient: ImageSource {
    package func resolve() async throws -> Descriptor {
        var request = HTTPRequest(
            .get, try url("manifests/\(reference.manifestName)"), receiver: .memory(limit: Document.sizeLimit))
        request.headers["Accept"] = Self.acceptedTypes
        let (response, digest) = try await retry.run { [request] in
            let response = try await exchange(request, for: .pull(reference.repository), expecting: [200])
            // Docker-Content-Digest of a signed schema 1 manifest is not that of its bytes, so this comes first.
            guard !response.contentType.isSchema1 else { throw DocumentFailure.schema1 }
            let promised = reference.digest ?? response.contentDigest
            let digest = Digest(of: response.body, promised?.algorithm ?? .sha256)
            if let promised, promised != digest { throw DigestFailure.mismatch(expected: promised, actual: digest) }
            return (response, digest)
        }
        let (document, type) = try await concealing {
            let document = try Document(parsing: response.body)
            return (document, try Self.type(of: document, served: response.contentType))
        }
        root.withLock { $0 = (digest, document) }
        return Descriptor(mediaType: type, digest: digest, size: Int64(response.body.count))
    }

    package func document(_ descriptor: Descriptor) async throws -> Document {
        if let root = root.withLock({ $0 }), root.digest == descriptor.digest { return root.document }
        try descriptor.checkDocumentSize()
        var request = HTTPRequest(.get, try url(of: descriptor), receiver: .memory(limit: descriptor.size))
        request.headers["Accept"] = "\(descriptor.mediaType), */*"
        let bytes = try await retry.run { [request] in
            let response = try await exchange(request, for: .pull(reference.repository), expecting: [200])
            try descriptor.check(response.body)
            return response.body
        }
        return try await concealing { try Document(parsing: bytes) }
    }

    package func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        let progress = FurthestProgress(progress)
        return try await withDownload(of: descriptor, in: temporaryDirectory, retry) { spool in
            try await self.download(descriptor, to: spool, progress: progress.start())
        } _: { blob in
            try await body(blob)
        }
    }

    /// Fetches a blob, or what is missing of it; after a broken connection it goes on where it stopped.
    func download(
        _ descriptor: Descriptor, to spool: SpoolFile, progress: @escaping @Sendable (Int) -> Void
    ) async throws {
        let url = try url(of: descriptor)
        var failures = 0
        var wantsRanges = true
        while spool.count < descriptor.size {
            let start = spool.count
            do {
                let download = BlobDownload(of: descriptor, to: spool, progress: progress)
                var request = HTTPRequest(.get, url, receiver: .sink(download))
                if start > 0, wantsRanges { request.headers["Range"] = "bytes=\(start)-" }
                let response = try await exchange(
                    request, for: .pull(reference.repository), expecting: [200, 206])
                guard spool.count < descriptor.size else { return }
                throw HTTPFailure.transfer(
                    .broken, .get, response.url,
                    message: "expected \(descriptor.size) bytes, but the answer ended after \(spool.count)")
            } catch let failure as any Failure where start > 0 && wantsRanges && failure.isAboutTheRange {
                // Then it is sent all of it again; what is there already is skipped.
                wantsRanges = false
            } catch {
                // A transfer that gets somewhere each time may break as often as it likes.
                failures = spool.count - start >= 1 << 20 ? 1 : failures + 1
                guard let delay = retry.delay(after: error, failures: failures) else { throw error }
                try await retry.sleep(delay)
            }
        }
    }

    private static let acceptedTypes = MediaType.manifests.map(\.text).joined(separator: ", ")

    /// The media type of a manifest: what the registry says, else what the manifest says, else what it looks like.
    ///
    /// The digest covers only the manifest, so a header that contradicts it is refused (CVE-2021-41190).
    private static func type(of document: Document, served: MediaType) throws -> MediaType {
        let stated = document.root["mediaType"]?.string.map { MediaType($0) }
        guard MediaType.manifests.contains(served) else {
            if let stated { return stated }
            if document.root["manifests"] != nil { return .ociIndex }
            return document.root["layers"] != nil ? .ociManifest : served
        }
        if let stated, stated != served {
            throw RegistryAnswerFailure.contradictoryTypes(header: served, document: stated)
        }
        return served
    }
}

extension Failure {
    /// Whether a registry makes something else of a range than was asked for.
    fileprivate var isAboutTheRange: Bool {
        if case .wrongRange? = self as? RegistryAnswerFailure { return true }
        return (self as? RegistryFailure)?.status == 416
    }
}

extension HTTPResponse {
    /// Without parameters such as `charset`.
    fileprivate var contentType: MediaType {
        MediaType(String((headers["Content-Type"] ?? "").prefix { $0 != ";" }).trimmed.lowercased())
    }

    /// What the registry holds the digest to be; `nil` when it does not say, or says it so that nobody can check.
    var contentDigest: Digest? {
        headers["Docker-Content-Digest"].flatMap { try? Digest(parsing: $0) }
    }
}
