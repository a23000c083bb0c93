import ArgumentParser
import Transports

/// How connections to registries are made.
struct ConnectionOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @Flag(help: "Accept any TLS certificate.")
    var insecure = false

    /// What all places of one run share; made once for each run.
    func makeNetwork() -> Network {
        Network(CurlClient(insecure: insecure))
    }
}
