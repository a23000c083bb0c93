import Content
import OCI
import SystemPackage

/// How places are reached; the same for source and destination until options tell them apart.
package struct TransportOptions: Sendable {
    /// Where downloads are kept while they are worked on.
    package var temporaryDirectory: FilePath
    /// Talk HTTP without TLS to every registry, not only to those on the loopback interface.
    package var plainHTTP: Bool
    /// Accept any TLS certificate.
    package var insecure: Bool

    package init(temporaryDirectory: FilePath, plainHTTP: Bool = false, insecure: Bool = false) {
        self.temporaryDirectory = temporaryDirectory
        self.plainHTTP = plainHTTP
        self.insecure = insecure
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
    /// - Throws: when the file with credentials is malformed, or the name of the registry is.
    package func openDestination(_ options: TransportOptions) throws -> any ImageDestination {
        switch self {
        case .registry(let reference): try RegistryClient(reference, options)
        case .layout(let path, let tag): ImageLayout(path, tag: tag)
        }
    }
}

extension RegistryClient {
    fileprivate convenience init(_ reference: ImageReference, _ options: TransportOptions) throws {
        self.init(
            reference,
            at: try Self.origin(of: reference.registry, plainHTTP: options.plainHTTP),
            over: CurlClient(insecure: options.insecure),
            credentials: try CredentialFile.read().credentials(for: reference.registry),
            temporaryDirectory: options.temporaryDirectory)
    }
}
