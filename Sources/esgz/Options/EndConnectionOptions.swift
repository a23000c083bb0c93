import ArgumentParser
import Transports

/// How one end alone is connected to. What is said of it goes before what is said of both.
struct EndConnectionOptions: ParsableArguments {
    @Flag(name: .customLong("src-plain-http"), help: "Speak HTTP without TLS to the source alone.")
    var srcPlainHTTP = false

    @Flag(
        name: [.customLong("dst-plain-http"), .customLong("dest-plain-http")],
        help: "Speak HTTP without TLS to the destinations alone.")
    var dstPlainHTTP = false

    @Flag(help: "Accept any TLS certificate of the source alone.")
    var srcInsecure = false

    @Flag(
        name: [.customLong("dst-insecure"), .customLong("dest-insecure")],
        help: "Accept any TLS certificate of the destinations alone.")
    var dstInsecure = false

    @Option(help: ArgumentHelp("Say false for the same as --src-insecure.", valueName: "bool"))
    var srcTlsVerify: Bool?

    @Option(
        name: [.customLong("dst-tls-verify"), .customLong("dest-tls-verify")],
        help: ArgumentHelp("Say false for the same as --dst-insecure.", valueName: "bool"))
    var dstTlsVerify: Bool?

    @Option(help: ArgumentHelp("Trust the authorities in this file at the source alone.", valueName: "file"))
    var srcCaFile: String?

    @Option(
        name: [.customLong("dst-ca-file"), .customLong("dest-ca-file")],
        help: ArgumentHelp("Trust the authorities in this file at the destinations alone.", valueName: "file"))
    var dstCaFile: String?

    @Option(help: ArgumentHelp("Show this certificate to the source alone.", valueName: "file"))
    var srcCertFile: String?

    @Option(
        name: [.customLong("dst-cert-file"), .customLong("dest-cert-file")],
        help: ArgumentHelp("Show this certificate to the destinations alone.", valueName: "file"))
    var dstCertFile: String?

    @Option(help: ArgumentHelp("Use this private key of --src-cert-file.", valueName: "file"))
    var srcKeyFile: String?

    @Option(
        name: [.customLong("dst-key-file"), .customLong("dest-key-file")],
        help: ArgumentHelp("Use this private key of --dst-cert-file.", valueName: "file"))
    var dstKeyFile: String?

    func validate() throws {
        for end in [source, destination] { try end.validate() }
    }

    var source: EndConnection {
        EndConnection(
            prefix: "--src-", isPlain: srcPlainHTTP, isInsecure: srcInsecure, verifies: srcTlsVerify,
            caFile: srcCaFile, certFile: srcCertFile, keyFile: srcKeyFile)
    }

    var destination: EndConnection {
        EndConnection(
            prefix: "--dst-", isPlain: dstPlainHTTP, isInsecure: dstInsecure, verifies: dstTlsVerify,
            caFile: dstCaFile, certFile: dstCertFile, keyFile: dstKeyFile)
    }
}
