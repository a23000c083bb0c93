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
    /// How to come to credentials when a registry wants some.
    package var credentials: CredentialChoice

    package init(
        temporaryDirectory: FilePath, network: Network, plainHTTP: Bool = false,
        credentials: CredentialChoice = .search(CredentialSearch())
    ) {
        self.temporaryDirectory = temporaryDirectory
        self.network = network
        self.plainHTTP = plainHTTP
        self.credentials = credentials
    }
}

extension ImageLocation {
    /// Opens the place for reading; nothing is asked of it yet.
    ///
    /// - Throws: when the name of the registry is malformed.
    package func openSource(_ options: TransportOptions) throws -> any ImageSource {
        switch self {
        case .registry(let reference):
            try RegistryClient(reference, options, for: .pull(reference.repository))
        case .layout(let path, let tag): ImageLayout(path, tag: tag)
        }
    }

    /// Opens the place for writing; nothing is made there before the first `put`.
    ///
    /// - Parameters:
    ///   - options: how to reach it.
    ///   - additionalTags: published besides the name in the location.
    /// - Throws: when the name of the registry is malformed.
    package func openDestination(
        _ options: TransportOptions, additionalTags: [String] = []
    ) throws -> any ImageDestination {
        switch self {
        case .registry(let reference):
            try RegistryClient(reference, options, for: .push(reference.repository), additionalTags: additionalTags)
        case .layout(let path, let tag): ImageLayout(path, tag: tag, additionalTags: additionalTags)
        }
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
        let origin = try Self.origin(of: reference.registry, plainHTTP: options.plainHTTP)
        let place = Logins.Place(
            at: origin, for: CredentialKey(reference), by: options.credentials, scope: scope)
        options.network.logins.announce(place)
        self.init(
            reference, additionalTags: additionalTags, at: origin, over: options.network.http,
            authenticator: { try await options.network.logins.authenticator(for: place) },
            temporaryDirectory: options.temporaryDirectory, retry: options.network.retry)
    }
}
