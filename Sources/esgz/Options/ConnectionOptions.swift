import ArgumentParser
import Transports

/// How connections to registries are made.
struct ConnectionOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @Flag(help: "Accept any TLS certificate.")
    var insecure = false

    @Option(help: ArgumentHelp("Say false for the same as --insecure.", valueName: "bool"))
    var tlsVerify = true

    @Option(
        help: ArgumentHelp(
            "Trust the certificate authorities in this file (PEM) besides those of the system.", valueName: "file"))
    var caFile: String?

    @Option(help: ArgumentHelp("Show this certificate (PEM) to servers that ask for one.", valueName: "file"))
    var certFile: String?

    @Option(help: ArgumentHelp("Use this private key (PEM) of --cert-file.", valueName: "file"))
    var keyFile: String?

    @OptionGroup var network: NetworkOptions

    func validate() throws { try both.validate() }

    /// What was said of all registries.
    var both: EndConnection {
        EndConnection(
            prefix: "--", isPlain: plainHTTP, isInsecure: insecure, verifies: tlsVerify, caFile: caFile,
            certFile: certFile, keyFile: keyFile)
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
        let client = CurlClient(insecure: false, try both.certificates, options: options)
        var retry = network.retryPolicy
        retry.notice = renderer.warn
        return Network(client, retry: retry, headers: try network.headers, warn: renderer.warn)
    }
}
