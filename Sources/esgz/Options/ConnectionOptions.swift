import ArgumentParser
import Transports

/// How connections to registries are made.
struct ConnectionOptions: ParsableArguments {
    @Flag(name: .customLong("plain-http"), help: "Speak HTTP without TLS to every registry.")
    var plainHTTP = false

    @OptionGroup var tls: TLSOptions

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
}
