import ArgumentParser
import SystemPackage
import Transports

/// How registries are spoken to.
struct RegistryOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @Flag(help: "Accept any TLS certificate.")
    var insecure = false

    @OptionGroup var network: NetworkOptions

    /// What all places of one run share; made once for each run.
    ///
    /// - Parameters:
    ///   - transfers: how many requests may be under way at a time.
    ///   - renderer: shows warnings and the trace.
    /// - Returns: a network without connections yet.
    /// - Throws: a mistake of usage.
    func makeNetwork(transfers: Int, _ renderer: ProgressRenderer) throws -> Network {
        var options = network.http
        options.transfers = transfers
        if network.verbose { options.trace = renderer.trace }
        return Network(
            CurlClient(insecure: insecure, options: options), retry: network.retryPolicy, headers: try network.headers,
            warn: renderer.warn)
    }

    func source(_ network: Network, temporaryDirectory: FilePath) -> TransportOptions {
        TransportOptions(temporaryDirectory: temporaryDirectory, network: network, plainHTTP: plainHTTP)
    }

    func destination(_ network: Network, temporaryDirectory: FilePath) -> TransportOptions {
        TransportOptions(temporaryDirectory: temporaryDirectory, network: network, plainHTTP: plainHTTP)
    }
}
