import ArgumentParser
import Transports

/// How connections to registries are made.
struct ConnectionOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @OptionGroup var tls: TLSOptions
    @OptionGroup var network: NetworkOptions

    func validate() throws {
        guard !(plainHTTP && tls.namesCertificates) else {
            throw ValidationError("--plain-http leaves no use for --ca-file, --cert-file and --key-file")
        }
    }

    /// What all places of one run share; made once for each run.
    ///
    /// - Parameters:
    ///   - transfers: how many requests may be under way at a time.
    ///   - renderer: shows warnings and the trace.
    ///   - tally: counts requests and bytes.
    /// - Returns: the network, without a connection yet.
    /// - Throws: when certificates cannot be read.
    func makeNetwork(
        transfers: Int, _ renderer: ProgressRenderer, tally: TransferTally? = nil
    ) throws -> Network {
        var options = network.http
        options.transfers = transfers
        options.tally = tally
        if network.verbose { options.trace = renderer.trace }
        let client = CurlClient(insecure: tls.acceptsAnyCertificate, try tls.certificates, options: options)
        return Network(client, retry: network.retryPolicy, headers: try network.headers, warn: renderer.warn)
    }
}
