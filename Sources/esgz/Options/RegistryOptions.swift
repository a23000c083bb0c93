import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to.
struct RegistryOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @Flag(help: "Accept any TLS certificate.")
    var insecure = false

    func transport(temporaryDirectory: FilePath) -> TransportOptions {
        TransportOptions(temporaryDirectory: temporaryDirectory, plainHTTP: plainHTTP, insecure: insecure)
    }
}
