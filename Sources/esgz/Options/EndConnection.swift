import ArgumentParser
import Content
import Glibc
import SystemPackage
import Transports

/// What was said of the connections of one end, or of both.
struct EndConnection {
    let prefix: String
    var isPlain: Bool
    var isInsecure: Bool
    /// `nil` when nothing was said.
    var verifies: Bool?
    var caFile: String?
    var certFile: String?
    var keyFile: String?

    func validate() throws {
        guard (certFile == nil) == (keyFile == nil) else {
            throw ValidationError("\(prefix)cert-file and \(prefix)key-file need each other")
        }
        for (option, file) in [("cert-file", certFile), ("key-file", keyFile)] {
            guard let file, access(file, R_OK) != 0 else { continue }
            throw ValidationError("\(prefix)\(option): cannot open \(file): \(Errno(rawValue: errno))")
        }
        do {
            _ = try certificates
        } catch let failure as any Failure {
            throw ValidationError("\(prefix)ca-file: \(failure)")
        }
        guard !(isPlain && namesCertificates) else {
            throw ValidationError(
                "\(prefix)plain-http leaves no use for \(prefix)ca-file, \(prefix)cert-file and \(prefix)key-file")
        }
    }

    /// For all hosts of this end.
    var certificates: HostCertificates {
        get throws {
            var certificates = HostCertificates()
            if let caFile { try certificates.trust(FilePath(caFile)) }
            certificates.clientCertificate = certFile.map { FilePath($0) }
            certificates.clientKey = keyFile.map { FilePath($0) }
            certificates.skipsVerification = isInsecure || verifies == false
            return certificates
        }
    }

    /// Who names certificates expects TLS, also on the loopback interface, where else there is none.
    var namesCertificates: Bool { caFile != nil || certFile != nil }

    /// What holds for one end, where nothing was said of it what was said of both.
    func completed(by both: EndConnection) -> EndConnection {
        var end = self
        end.isPlain = isPlain || both.isPlain && !namesCertificates
        end.isInsecure = isInsecure || verifies == nil && both.isInsecure
        end.verifies = verifies ?? both.verifies
        end.caFile = caFile ?? both.caFile
        if certFile == nil { (end.certFile, end.keyFile) = (both.certFile, both.keyFile) }
        return end
    }
}
