import ArgumentParser
import Content
import Glibc
import SystemPackage
import Transports

/// Whom TLS trusts, and who we are.
struct TLSOptions: ParsableArguments {
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

    func validate() throws {
        guard (certFile == nil) == (keyFile == nil) else {
            throw ValidationError("--cert-file and --key-file need each other")
        }
        for (option, file) in [("--cert-file", certFile), ("--key-file", keyFile)] {
            guard let file, access(file, R_OK) != 0 else { continue }
            throw ValidationError("\(option): cannot open \(file): \(Errno(rawValue: errno))")
        }
        do {
            _ = try certificates
        } catch let failure as any Failure {
            throw ValidationError("--ca-file: \(failure)")
        }
    }

    /// For all hosts.
    var certificates: HostCertificates {
        get throws {
            var certificates = HostCertificates()
            if let caFile { try certificates.trust(FilePath(caFile)) }
            certificates.clientCertificate = certFile.map { FilePath($0) }
            certificates.clientKey = keyFile.map { FilePath($0) }
            return certificates
        }
    }

    var acceptsAnyCertificate: Bool { insecure || !tlsVerify }

    /// Who names certificates expects TLS, also on the loopback interface, where else there is none.
    var namesCertificates: Bool { caFile != nil || certFile != nil }
}
