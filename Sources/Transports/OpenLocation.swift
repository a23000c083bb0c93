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

    package init(temporaryDirectory: FilePath, network: Network, plainHTTP: Bool = false) {
        self.temporaryDirectory = temporaryDirectory
        self.network = network
        self.plainHTTP = plainHTTP
    }
}

extension ImageLocation {
    /// Opens the place for reading; nothing is asked of it yet.
    ///
    /// - Throws: when the file with credentials is malformed, or the name of the registry is.
    package func openSource(_ options: TransportOptions) throws -> any ImageSource {
        switch self {
        case .registry(let reference): try RegistryClient(reference, options)
        case .layout(let path, let tag): ImageLayout(path, tag: tag)
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
        case .registry(let reference): try RegistryClient(reference, options, additionalTags: additionalTags)
        case .layout(let path, let tag): ImageLayout(path, tag: tag, additionalTags: additionalTags)
        }
    }
}

extension RegistryClient {
    fileprivate convenience init(
        _ reference: ImageReference, _ options: TransportOptions, additionalTags: [String] = []
    ) throws {
        self.init(
            reference, additionalTags: additionalTags,
            at: try Self.origin(of: reference.registry, plainHTTP: options.plainHTTP),
            over: options.network.http,
            credentials: try CredentialFile.read().credentials(for: reference.registry),
            temporaryDirectory: options.temporaryDirectory, retry: options.network.retry)
    }
}
