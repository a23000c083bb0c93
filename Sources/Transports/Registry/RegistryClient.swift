import Content
import OCI
import Synchronization
import SystemPackage

/// One repository of a registry (OCI distribution specification 1.1).
///
/// A class only because it keeps what `resolve` has fetched; everything else in it is constant.
package final class RegistryClient: Sendable {
    package let reference: ImageReference
    /// Published besides the tag or digest of the reference.
    let additionalTags: [String]
    /// Scheme, host and port that the registry is reached at.
    let base: HTTPURL
    /// What stands before the name of the repository; mirrors may have another than `/v2/`.
    let path: String
    let retry: RetryPolicy
    let temporaryDirectory: FilePath
    /// The document that the reference names, once it has been asked for.
    let root = Mutex<(digest: Digest, document: Document)?>(nil)
    /// Set once this registry has refused an upload in one piece.
    let wantsChunks = Atomic<Bool>(false)
    private let http: any HTTPExchanging
    /// Besides credentials, what must not show up in a message.
    private let secrets: [String]
    private let authenticator: @Sendable () async throws -> Authenticator

    /// - Parameters:
    ///   - reference: the repository, and the tag or digest in it.
    ///   - additionalTags: published besides.
    ///   - base: where its registry is.
    ///   - path: what stands there before the name of the repository, with a slash at both ends.
    ///   - http: carries the requests.
    ///   - secrets: what must not show up in a message, besides credentials.
    ///   - authenticator: finds who logs in, each time that it matters.
    ///   - temporaryDirectory: where blobs are kept while they are read.
    ///   - retry: what to do about passing failures.
    init(
        _ reference: ImageReference, additionalTags: [String], at base: HTTPURL, path: String,
        over http: any HTTPExchanging, hiding secrets: [String] = [],
        authenticator: @escaping @Sendable () async throws -> Authenticator,
        temporaryDirectory: FilePath, retry: RetryPolicy
    ) {
        self.reference = reference
        self.additionalTags = additionalTags
        self.base = base
        self.path = path
        self.http = http
        self.secrets = secrets
        self.retry = retry
        self.temporaryDirectory = temporaryDirectory
        self.authenticator = authenticator
    }

    /// The same repository, with another image in it.
    ///
    /// - Throws: when that cannot be the name of a tag.
    func naming(tag: String) throws -> RegistryClient {
        RegistryClient(
            try ImageReference(parsing: "\(reference.registry)/\(reference.repository):\(tag)"), additionalTags: [],
            at: base, path: path, over: http, hiding: secrets, authenticator: authenticator,
            temporaryDirectory: temporaryDirectory, retry: retry)
    }

    /// Where a registry is, and whether it is spoken to with TLS.
    ///
    /// Registries on the loopback interface are not, unless there are certificates for them: nobody else can listen
    /// there, and every test registry is reached so.
    ///
    /// - Parameters:
    ///   - registry: as references have it.
    ///   - plainHTTP: never use TLS.
    ///   - usesTLSOnLoopback: use it there too, whether there are certificates or not.
    ///   - certificateDirectories: where certificates may be.
    /// - Returns: scheme, host and port.
    /// - Throws: when the name of the registry is malformed, or certificates cannot be read.
    package static func origin(
        of registry: String, plainHTTP: Bool, usesTLSOnLoopback: Bool = false,
        certificateDirectories: [FilePath] = HostCertificates.directories
    ) throws -> HTTPURL {
        let host = host(of: registry)
        let secure = try HTTPURL(parsing: "https://\(host)/")
        guard plainHTTP || secure.isLoopback && !usesTLSOnLoopback else { return secure }
        if !plainHTTP, try HostCertificates.find(for: secure.hostAndPort, in: certificateDirectories) != nil {
            return secure
        }
        return try HTTPURL(parsing: "http://\(host)/")
    }

    /// Host and port of a registry: Docker Hub is not reached under its own name.
    static func host(of registry: String) -> String {
        registry == ImageReference.defaultRegistry ? "registry-1.docker.io" : registry
    }

    /// The URL of `path` in this repository, such as `manifests/latest`.
    func url(_ path: String) throws -> HTTPURL {
        try base.resolving("\(self.path)\(reference.repository)/\(path)")
    }

    /// Where the content of a descriptor is: registries keep manifests apart from all other blobs.
    func url(of descriptor: Descriptor) throws -> HTTPURL {
        let type = descriptor.mediaType
        let isManifest = type.isIndex || type.isManifest || type.isSchema1
        return try url("\(isManifest ? "manifests" : "blobs")/\(descriptor.digest)")
    }

    /// Sends a request until it gets one of the `expected` statuses; see `exchange`.
    func send(_ request: HTTPRequest, for scope: TokenScope, expecting expected: Int...) async throws -> HTTPResponse {
        try await retry.run { try await exchange(request, for: scope, expecting: expected) }
    }

    /// Sends a request once, logging in when the registry asks for it.
    ///
    /// - Parameters:
    ///   - request: what to send.
    ///   - scope: what it needs to be allowed.
    ///   - expected: statuses that are no failure.
    ///   - followsRedirects: go where a redirect points, instead of taking it for the answer.
    ///   - logsIn: do more for it than to send the token that is at hand.
    /// - Returns: the answer.
    /// - Throws: `RegistryFailure` for any status that is not expected.
    func exchange(
        _ request: HTTPRequest, for scope: TokenScope, expecting expected: [Int], followsRedirects: Bool = true,
        logsIn: Bool = true
    ) async throws -> HTTPResponse {
        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            followsRedirects ? try await http.sendFollowingRedirects(request) : try await http.send(request)
        }
        let authenticator = try await authenticator()
        var request = request
        request.secrets = await authenticator.secrets(in: nil) + secrets
        // An upload may be sent on to another place, which has no business with our credentials.
        guard request.url.hasSameOrigin(as: base) else {
            return try await send(request).expecting(expected, of: request)
        }
        do {
            request.headers["Authorization"] = try await authenticator.authorization(for: scope)
            request.secrets = await authenticator.secrets(in: request.headers["Authorization"]) + secrets
            var response = try await send(request)
            // Twice: to learn what is demanded, and because what was fetched then may turn out not to be enough.
            for isFresh in [false, true] where logsIn && response.status == 401 && response.url.hasSameOrigin(as: base)
            {
                let challenges = Challenge.parse(response.headers.all("WWW-Authenticate"))
                let renewed = try await authenticator.authorization(
                    insteadOf: request.headers["Authorization"], challenges, for: scope, isFresh: isFresh)
                guard let renewed else { break }
                request.headers["Authorization"] = renewed
                request.secrets = await authenticator.secrets(in: renewed) + secrets
                response = try await send(request)
            }
            let proof = request.headers["Authorization"]
            if !expected.contains(response.status) {
                response.conceal(await authenticator.secrets(in: proof) + secrets)
            }
            let origin = proof == nil ? nil : await authenticator.origin
            return try response.expecting(expected, of: request, by: origin)
        } catch {
            let proof = request.headers["Authorization"]
            throw ConcealedFailure.replacing(error, await authenticator.secrets(in: proof) + secrets)
        }
    }
}

extension RegistryClient {
    /// Runs what reads headers of answers: those may repeat what was sent, and so may its errors.
    func concealing<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            guard let authenticator = try? await authenticator() else { throw error }
            throw ConcealedFailure.replacing(error, await authenticator.secrets(in: nil) + secrets)
        }
    }
}

extension HTTPResponse {
    /// - Throws: `RegistryFailure` for any other status; `credentials` says where those come from that were sent.
    fileprivate func expecting(
        _ statuses: [Int], of request: HTTPRequest, by credentials: String? = nil
    ) throws -> HTTPResponse {
        guard !statuses.contains(status) else { return self }
        var answer = self
        // Storage services repeat the signatures that the registry has sent us there with.
        if !url.hasSameOrigin(as: request.url) { answer.body = [] }
        throw RegistryFailure(request.method, answer, credentials: credentials)
    }
}
