import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to, and by whom, where there are two ends.
struct RegistryOptions: ParsableArguments {
    @OptionGroup var access: AccessOptions
    @OptionGroup var connections: EndConnectionOptions
    @OptionGroup var credentials: EndCredentialOptions

    /// Whether stdin is read for credentials, so that it cannot be an archive as well.
    var usesStandardInput: Bool { access.credentials.credsStdin || credentials.usesStandardInput }

    /// What all places of one run share; made once for each run.
    ///
    /// - Parameters:
    ///   - transfers: how many requests may be under way at a time.
    ///   - renderer: shows warnings and the trace.
    /// - Returns: the network, without a connection yet.
    /// - Throws: when certificates cannot be read.
    func makeNetwork(transfers: Int, _ renderer: ProgressRenderer) throws -> Network {
        try access.connection.makeNetwork(transfers: transfers, renderer)
    }

    func source(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        try access.transport(
            network, temporaryDirectory: temporaryDirectory, at: connections.source, try credentials.sourceChoice())
    }

    func destination(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        try access.transport(
            network, temporaryDirectory: temporaryDirectory, at: connections.destination,
            try credentials.destinationChoice())
    }
}
