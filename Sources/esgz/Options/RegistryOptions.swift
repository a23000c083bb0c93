import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to.
struct RegistryOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @Flag(help: "Accept any TLS certificate.")
    var insecure = false

    /// What all places of one run share; made once for each run.
    func makeNetwork() -> Network {
        Network(CurlClient(insecure: insecure))
    }

    func source(_ network: Network, temporaryDirectory: FilePath) -> TransportOptions {
        TransportOptions(temporaryDirectory: temporaryDirectory, network: network, plainHTTP: plainHTTP)
    }

    func destination(_ network: Network, temporaryDirectory: FilePath) -> TransportOptions {
        TransportOptions(temporaryDirectory: temporaryDirectory, network: network, plainHTTP: plainHTTP)
    }
}
