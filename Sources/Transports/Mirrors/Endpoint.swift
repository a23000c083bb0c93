import Content
import OCI

/// One of the places that an image may be pulled from, and how that place is reached.
struct Endpoint: Sendable {
    /// The image as this place knows it; its registry is the place itself.
    var reference: ImageReference
    /// Scheme, host and port.
    var origin: HTTPURL
    /// What stands before the name of the repository, with a slash at both ends.
    var path = "/v2/"
    /// Instead of what is laid down for the host; `nil` to look there.
    var certificates: HostCertificates?
    /// Sent along with every request.
    var headers = HTTPHeaders()
    /// The registry that this place stands in for, where it wants to be told.
    var namespace: String?
    /// Whether it may say what a tag stands for.
    var mayResolve = true
    var mayPull = true
    /// The registry that the user named: what was given to log in with is meant for it alone.
    var isUpstream = false
    /// The one before, once more without TLS; only for when that does not speak it.
    var isWithoutTLS = false
}

/// What the configuration says about pulling one image.
struct PullPlan: Sendable {
    /// In the order in which they are asked, the upstream last. Never empty.
    let endpoints: [Endpoint]

    /// - Parameters:
    ///   - reference: what to pull.
    ///   - registries: the content of `registries.conf`.
    ///   - hosts: the content of `hosts.toml`, which goes before `registries.conf`.
    ///   - plainHTTP: never try TLS where no URL says so.
    ///   - origin: finds the place of a registry that nothing else is said about.
    /// - Throws: when pulling this image is forbidden, or a file is malformed.
    init(
        for reference: ImageReference, _ registries: RegistriesConfiguration, _ hosts: HostsFile?,
        plainHTTP: Bool, origin: (String) throws -> HTTPURL
    ) throws {
        let entry = registries.entry(for: reference)
        if let registry = entry?.registry, registry.isBlocked {
            throw PullFailure.blocked(reference, prefix: registry.prefix, by: "\(registry.file)")
        }
        if let hosts {
            endpoints = try Self.endpoints(for: reference, hosts, origin)
            guard !endpoints.isEmpty else { throw PullFailure.nowhere(reference, "\(hosts.path)") }
        } else if let (registry, covered) = entry {
            endpoints = try Self.endpoints(for: reference, registry, covered: covered, plainHTTP, origin)
        } else {
            endpoints = [Endpoint(reference: reference, origin: try origin(reference.registry), isUpstream: true)]
        }
    }

    private static func endpoints(
        for reference: ImageReference, _ file: HostsFile, _ origin: (String) throws -> HTTPURL
    ) throws -> [Endpoint] {
        let home = try origin(reference.registry)
        var upstream = Endpoint(reference: reference, origin: home, isUpstream: true)
        // What is said of TLS means that there is some, also on the loopback interface.
        if file.settings.certificates != nil {
            upstream.origin = try HTTPURL(parsing: "https://\(RegistryClient.host(of: reference.registry))/")
        }
        upstream.apply(file.settings)
        let server = file.server.map { Endpoint(reference, at: $0, home: home) } ?? upstream
        return (file.hosts.map { Endpoint(reference, at: $0, home: home) } + [server])
            .filter { $0.mayPull || $0.mayResolve && reference.digest == nil }
    }

    private static func endpoints(
        for reference: ImageReference, _ registry: RegistriesConfiguration.Registry, covered: Int,
        _ plainHTTP: Bool, _ origin: (String) throws -> HTTPURL
    ) throws -> [Endpoint] {
        let mirrors = registry.mirrors.filter { mirror in
            switch mirror.pulls {
            case .all: true
            case .digestOnly: reference.digest != nil
            case .tagOnly: reference.digest == nil
            }
        }
        let upstream = try registry.rewrite(reference, covered: covered, to: registry.location)
        return try mirrors.flatMap { mirror in
            let reference = try registry.rewrite(reference, covered: covered, to: mirror.location)
            return try endpoints(reference, origin, isInsecure: mirror.isInsecure && !plainHTTP, isUpstream: false)
        }
            + endpoints(
                upstream, origin, isInsecure: registry.isInsecure && !plainHTTP,
                isUpstream: upstream.registry == reference.registry)
    }

    /// Insecure means TLS with any certificate, and where there is no TLS, none.
    private static func endpoints(
        _ reference: ImageReference, _ origin: (String) throws -> HTTPURL, isInsecure: Bool, isUpstream: Bool
    ) throws -> [Endpoint] {
        var endpoint = Endpoint(
            reference: reference, origin: try origin(reference.registry), isUpstream: isUpstream)
        guard isInsecure else { return [endpoint] }
        let host = RegistryClient.host(of: reference.registry)
        var certificates = HostCertificates()
        certificates.skipsVerification = true
        endpoint.certificates = certificates
        endpoint.origin = try HTTPURL(parsing: "https://\(host)/")
        var plain = endpoint
        plain.origin = try HTTPURL(parsing: "http://\(host)/")
        plain.isWithoutTLS = true
        return [endpoint, plain]
    }
}

extension Endpoint {
    fileprivate init(_ reference: ImageReference, at host: HostsFile.Host, home: HTTPURL) {
        self.init(reference: reference, origin: host.origin)
        path = host.path
        if host.origin.hostAndPort == home.hostAndPort {
            isUpstream = true
        } else {
            self.reference.registry = host.origin.hostAndPort
            namespace = reference.registry
        }
        apply(host.settings)
    }

    fileprivate mutating func apply(_ settings: HostsFile.Settings) {
        mayResolve = settings.mayResolve
        mayPull = settings.mayPull
        certificates = settings.certificates
        headers = settings.headers
    }
}

/// An image may not be pulled.
enum PullFailure: Failure {
    case blocked(ImageReference, prefix: String, by: String)
    case nowhere(ImageReference, String)
    case noPlace(isResolving: Bool)

    var kind: FailureKind { .denied }

    var description: String {
        switch self {
        case .blocked(let reference, let prefix, let file):
            "\(reference): pulling from '\(prefix.printable)' is blocked in \(file)"
        case .nowhere(let reference, let file): "\(reference): \(file) names no host that may be pulled from"
        case .noPlace(let isResolving):
            "hosts.toml names no host with the capability '\(isResolving ? "resolve" : "pull")'"
        }
    }
}
