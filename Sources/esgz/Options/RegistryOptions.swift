import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to.
struct RegistryOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @OptionGroup var tls: TLSOptions

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

    func validate() throws {
        guard !(plainHTTP && tls.namesCertificates) else {
            throw ValidationError("--plain-http leaves no use for --ca-file, --cert-file and --key-file")
        }
    }

    /// What all places of one run share; made once for each run.
    func makeNetwork() throws -> Network {
        Network(CurlClient(insecure: tls.acceptsAnyCertificate, try tls.certificates)) {
            Terminal.say("warning: \($0)")
        }
    }

    func source(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        try transport(network, temporaryDirectory)
    }

    func destination(_ network: Network, temporaryDirectory: FilePath) throws -> TransportOptions {
        try transport(network, temporaryDirectory)
    }

    private func transport(_ network: Network, _ temporaryDirectory: FilePath) throws -> TransportOptions {
        TransportOptions(
            temporaryDirectory: temporaryDirectory, network: network, plainHTTP: plainHTTP,
            usesTLSOnLoopback: tls.namesCertificates,
            mirrors: try MirrorSettings(
                hostsDirectory: hostsDir.map { FilePath($0) }, registriesFile: registriesConf.map { FilePath($0) }))
    }
}
