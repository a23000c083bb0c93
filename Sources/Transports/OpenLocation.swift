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
    /// - Returns: the place.
    /// - Throws: when the file with credentials is malformed, or the name of the registry is.
    package func openDestination(
        _ options: TransportOptions, additionalTags: [String] = []
    ) throws -> any ImageDestination {
        switch self {
        case .registry(let reference): try RegistryClient(reference, options, additionalTags: additionalTags)
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
