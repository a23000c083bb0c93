import Content
import OCI
import SystemPackage

/// How places are reached. Source and destination have one each, which differ in credentials at most.
package struct TransportOptions: Sendable {
    /// Where downloads are kept while they are worked on.
    package var temporaryDirectory: FilePath
    /// What all places of one run share.
    package var network: Network
    /// Talk HTTP without TLS to every registry, not only to those on the loopback interface.
    package var plainHTTP: Bool
    /// Where the files are that say which hosts images are pulled from.
    package var mirrors: MirrorSettings

    package init(
        temporaryDirectory: FilePath, network: Network, plainHTTP: Bool = false,
        mirrors: MirrorSettings = MirrorSettings()
    ) {
        self.temporaryDirectory = temporaryDirectory
        self.network = network
        self.plainHTTP = plainHTTP
        self.mirrors = mirrors
    }
}

extension ImageLocation {
    /// Opens the place for reading; nothing is asked of it yet.
    ///
    /// - Throws: when a file with credentials or mirrors is malformed, the name of the registry is, or pulling is blocked.
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
    /// `additionalTags` are published besides the name in the location. It throws when the file with credentials is
    /// malformed, or the name of the registry is.
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
            try RegistryClient.origin(of: $0, plainHTTP: options.plainHTTP)
        }
        let places = try plan.endpoints.enumerated().map { position, endpoint in
            let isLast = position == plan.endpoints.count - 1
            return MirroredRegistry.Place(
                endpoint: endpoint, client: try RegistryClient(endpoint, options, isLast: isLast))
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
        let origin = try RegistryClient.origin(of: registry, plainHTTP: options.plainHTTP)
        let endpoint = Endpoint(reference: self, origin: origin, isUpstream: true)
        return try RegistryClient(endpoint, options, additionalTags: additionalTags)
    }
}

extension RegistryClient {
    fileprivate convenience init(
        _ endpoint: Endpoint, _ options: TransportOptions, additionalTags: [String] = [], isLast: Bool = true
    ) throws {
        var endpoint = endpoint
        if endpoint.isUpstream {
            for (name, value) in options.network.headers.fields { endpoint.headers.append(name, value) }
        }
        var retry = options.network.retry
        // Where others can answer, a host that is down should not keep the user waiting.
        if !isLast { retry.tries = min(retry.tries, 2) }
        self.init(
            endpoint.reference, additionalTags: additionalTags, at: endpoint.origin, path: endpoint.path,
            over: EndpointExchange(endpoint: endpoint, next: options.network.http, remarks: options.network.remarks),
            credentials: try CredentialFile.read().credentials(for: endpoint.reference.registry),
            temporaryDirectory: options.temporaryDirectory, retry: retry)
    }
}
