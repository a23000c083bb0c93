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

    /// How places are reached with certain credentials; with those of all ends when there are none.
    func transport(
        _ network: Network, temporaryDirectory: FilePath, _ credentials: CredentialChoice? = nil
    ) throws -> TransportOptions {
        TransportOptions(
            temporaryDirectory: temporaryDirectory, network: network, plainHTTP: connection.plainHTTP,
            credentials: try credentials ?? self.credentials.choice(),
            usesTLSOnLoopback: connection.tls.namesCertificates,
            mirrors: try MirrorSettings(
                hostsDirectory: hostsDir.map { FilePath($0) }, registriesFile: registriesConf.map { FilePath($0) }))
    }
}
