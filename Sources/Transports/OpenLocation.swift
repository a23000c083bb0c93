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
    package func openSource(_ options: TransportOptions) throws -> any ImageSource {
        fatalError()
    }

    package func openDestination(_ options: TransportOptions) throws -> any ImageDestination {
        fatalError()
    }
}
