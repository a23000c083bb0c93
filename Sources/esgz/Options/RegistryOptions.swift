import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to, and by whom.
struct RegistryOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var credentials: CredentialOptions

    /// What all places of one run share; made once for each run.
    func makeNetwork() -> Network { connection.makeNetwork() }

    func source(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        TransportOptions(
            temporaryDirectory: temporaryDirectory, network: network, plainHTTP: connection.plainHTTP,
            credentials: try credentials.sourceChoice())
    }

    func destination(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        TransportOptions(
            temporaryDirectory: temporaryDirectory, network: network, plainHTTP: connection.plainHTTP,
            credentials: try credentials.destinationChoice())
    }
}
