import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to, and by whom.
struct RegistryOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var ends: EndConnectionOptions
    @OptionGroup var credentials: CredentialOptions

    @Option(
        help: ArgumentHelp(
            """
            Look for HOST/hosts.toml, which names mirrors, in this directory. (default: /etc/containerd/certs.d, \
            /etc/docker/certs.d)
            """, valueName: "dir"))
    var hostsDir: String?

    @Option(
        help: ArgumentHelp(
            """
            Read mirrors, blocked and insecure registries from this file alone. (default: \
            $CONTAINERS_REGISTRIES_CONF, else the files that Podman reads)
            """, valueName: "file"))
    var registriesConf: String?

    /// What all places of one run share; made once for each run.
    ///
    /// - Parameters:
    ///   - transfers: how many requests may be under way at a time.
    ///   - renderer: shows warnings and the trace.
    /// - Returns: the network, without a connection yet.
    /// - Throws: when certificates cannot be read.
    func makeNetwork(transfers: Int, _ renderer: ProgressRenderer) throws -> Network {
        try connection.makeNetwork(transfers: transfers, renderer)
    }

    func source(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        try transport(network, temporaryDirectory, ends.source, try credentials.sourceChoice())
    }

    func destination(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        try transport(network, temporaryDirectory, ends.destination, try credentials.destinationChoice())
    }

    private func transport(
        _ network: Network, _ temporaryDirectory: FilePath, _ end: EndConnection, _ credentials: CredentialChoice
    ) throws -> TransportOptions {
        let connection = end.completed(by: connection.both)
        return TransportOptions(
            temporaryDirectory: temporaryDirectory, network: network, plainHTTP: connection.isPlain,
            certificates: try connection.certificates, credentials: credentials,
            usesTLSOnLoopback: connection.namesCertificates,
            mirrors: try MirrorSettings(
                hostsDirectory: hostsDir.map { FilePath($0) }, registriesFile: registriesConf.map { FilePath($0) }))
    }
}
