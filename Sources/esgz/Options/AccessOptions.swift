import ArgumentParser
import SystemPackage
import Transports

/// How registries are reached, whoever reads or writes there.
struct AccessOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
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

    /// How the places of one end are reached; where nothing was said of it, what was said of all holds.
    func transport(
        _ network: Network, temporaryDirectory: FilePath, at end: EndConnection? = nil,
        _ credentials: CredentialChoice? = nil
    ) throws -> TransportOptions {
        let connection = end?.completed(by: connection.both) ?? connection.both
        return TransportOptions(
            temporaryDirectory: temporaryDirectory, network: network, plainHTTP: connection.isPlain,
            certificates: try connection.certificates, credentials: try credentials ?? self.credentials.choice(),
            usesTLSOnLoopback: connection.namesCertificates,
            mirrors: try MirrorSettings(
                hostsDirectory: hostsDir.map { FilePath($0) }, registriesFile: registriesConf.map { FilePath($0) }))
    }
}
