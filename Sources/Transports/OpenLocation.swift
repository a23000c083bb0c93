import Content
import OCI
import SystemPackage

/// How places are reached. Source and destination have one each.
package struct TransportOptions: Sendable {
    /// Where downloads are kept while they are worked on.
    package var temporaryDirectory: FilePath
    /// What all places of one run share.
    package var network: Network
    /// Talk HTTP without TLS to every registry, not only to those on the loopback interface.
    package var plainHTTP: Bool
    /// For TLS with all hosts, instead of those of the network.
    package var certificates: HostCertificates?
    /// How to come to credentials when a registry wants some.
    package var credentials: CredentialChoice
    /// Talk TLS to registries on the loopback interface too.
    package var usesTLSOnLoopback: Bool
    /// Where the files are that say which hosts images are pulled from.
    package var mirrors: MirrorSettings

    package init(
        temporaryDirectory: FilePath, network: Network, plainHTTP: Bool = false,
        certificates: HostCertificates? = nil,
        credentials: CredentialChoice = .search(CredentialSearch()), usesTLSOnLoopback: Bool = false,
        mirrors: MirrorSettings = MirrorSettings()
    ) {
        self.temporaryDirectory = temporaryDirectory
        self.network = network
        self.plainHTTP = plainHTTP
        self.certificates = certificates
        self.credentials = credentials
        self.usesTLSOnLoopback = usesTLSOnLoopback
        self.mirrors = mirrors
    }
}

extension TransportOptions {
    fileprivate func origin(of registry: String) throws -> HTTPURL {
        try RegistryClient.origin(of: registry, plainHTTP: plainHTTP, usesTLSOnLoopback: usesTLSOnLoopback)
    }
}

extension ImageLocation {
    /// Opens the place for reading; nothing is asked of it yet.
    ///
    /// - Throws: when the name of the registry or a file about mirrors is malformed, or pulling is blocked.
    package func openSource(_ options: TransportOptions) throws -> any ImageSource {
        switch self {
        case .registry(let reference): try reference.openSource(options)
        case .layout(let path, let tag): ImageLayout(path, tag: tag)
        case .ociArchive(let place, let tag):
            ImageArchive(oci: place, tag: tag, temporaryDirectory: options.temporaryDirectory)
        case .dockerArchive(let place, let image):
            ImageArchive(docker: place, image, temporaryDirectory: options.temporaryDirectory)
        case .dockerDaemon(let image): try Engine.current().source(image, options)
        }
    }

    /// Opens the place for writing; nothing is made there before the first `put`.
    ///
    /// - Parameters:
    ///   - options: how to reach it.
    ///   - additionalTags: published besides the name in the location.
    /// - Returns: the place, of which nothing is known yet.
    /// - Throws: when the name of the registry is malformed.
    package func openDestination(
        _ options: TransportOptions, additionalTags: [String] = []
    ) throws -> any ImageDestination {
        switch self {
        case .registry(let reference):
            try reference.openDestination(options, additionalTags: additionalTags)
        case .layout(let path, let tag): ImageLayout(path, tag: tag, additionalTags: additionalTags)
        case .ociArchive(let place, let tag):
            try ArchiveDestination(
                place, ArchiveNames(tag: tag, additionalTags: additionalTags),
                temporaryDirectory: options.temporaryDirectory)
        case .dockerArchive(let place, let image):
            try ArchiveDestination(
                place, ArchiveNames(docker: image, additionalTags: additionalTags),
                temporaryDirectory: options.temporaryDirectory)
        case .dockerDaemon(let image):
            try Engine.current().destination(image, additionalTags: additionalTags, options)
        }
    }
}

extension ImageReference {
    /// Mirrors are read from, never written to.
    fileprivate func openSource(_ options: TransportOptions) throws -> any ImageSource {
        let registries = try RegistriesConfiguration(reading: options.mirrors.registriesFiles)
        let remark = registries.remark(on: self)
        if let remark { options.network.warn(remark) }
        let hosts = try HostsFile.find(for: registry, in: options.mirrors.hostsDirectories)
        let plan = try PullPlan(for: self, registries, hosts, plainHTTP: options.plainHTTP) {
            try options.origin(of: $0)
        }
        let places = plan.endpoints.enumerated().map { position, endpoint in
            let isLast = position == plan.endpoints.count - 1
            return MirroredRegistry.Place(
                endpoint: endpoint,
                client: RegistryClient(
                    endpoint, options, for: .pull(endpoint.reference.repository), isLast: isLast))
        }
        if remark == nil, places.count == 1, let only = places.first { return only.client }
        return MirroredRegistry(
            places, remark: remark, temporaryDirectory: options.temporaryDirectory, warn: options.network.warn)
    }

    fileprivate func openDestination(
        _ options: TransportOptions, additionalTags: [String]
    ) throws -> any ImageDestination {
        // Only names without a registry are of interest here, so nobody's broken file keeps others from writing.
        if isShort {
            let registries = try RegistriesConfiguration(reading: options.mirrors.registriesFiles)
            if let remark = registries.remark(on: self) { options.network.warn(remark) }
        }
        return try RegistryClient(self, options, for: .push(repository), additionalTags: additionalTags)
    }
}

extension RegistryClient {
    /// - Parameters:
    ///   - reference: the repository, and the tag or digest in it.
    ///   - options: how to reach it.
    ///   - scope: what is going to be done there.
    ///   - additionalTags: published besides the name in the reference.
    /// - Throws: when the name of the registry is malformed.
    convenience init(
        _ reference: ImageReference, _ options: TransportOptions, for scope: TokenScope, additionalTags: [String] = []
    ) throws {
        let endpoint = Endpoint(
            reference: reference, origin: try options.origin(of: reference.registry), isUpstream: true)
        self.init(endpoint, options, for: scope, additionalTags: additionalTags)
    }

    /// - Parameters:
    ///   - endpoint: the repository, and how it is reached.
    ///   - options: what holds for all places.
    ///   - scope: what is going to be done there.
    ///   - additionalTags: published besides the name in the reference.
    ///   - isLast: whether no other place can answer instead.
    fileprivate convenience init(
        _ endpoint: Endpoint, _ options: TransportOptions, for scope: TokenScope, additionalTags: [String] = [],
        isLast: Bool = true
    ) {
        var endpoint = endpoint
        if endpoint.isUpstream {
            for (name, value) in options.network.headers.fields { endpoint.headers.append(name, value) }
        }
        var retry = options.network.retry
        // Where others can answer, a host that is down should not keep the user waiting.
        if !isLast { retry.tries = min(retry.tries, 2) }
        let http = EndpointExchange(
            endpoint: endpoint, certificates: options.certificates, next: options.network.http,
            remarks: options.network.remarks)
        let place = Logins.Place(
            at: endpoint.origin, for: CredentialKey(endpoint.reference),
            by: endpoint.isUpstream ? options.credentials : options.credentials.ofOthers, scope: scope)
        options.network.logins.announce(place)
        self.init(
            endpoint.reference, additionalTags: additionalTags, at: endpoint.origin, path: endpoint.path, over: http,
            hiding: endpoint.headers.secrets,
            authenticator: { try await options.network.logins.authenticator(for: place, over: http) },
            temporaryDirectory: options.temporaryDirectory, retry: retry)
    }
}

extension CredentialChoice {
    /// For other hosts than the one that was named: what was given for that is none of their business.
    fileprivate var ofOthers: CredentialChoice {
        if case .given = self { .search(CredentialSearch()) } else { self }
    }
}
