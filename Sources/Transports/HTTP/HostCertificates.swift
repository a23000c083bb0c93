import Content
import SystemPackage

/// What a machine's administrator has laid down for TLS with one registry, as Docker and Podman read it.
///
/// `certs.d/HOST[:PORT]/` holds `*.crt` (authorities to trust besides those of the system) and a client pair
/// `NAME.cert`, `NAME.key`.
package struct HostCertificates: Sendable {
    /// All authorities in PEM, one after the other.
    package var authorities: [UInt8] = []
    package var clientCertificate: FilePath?
    package var clientKey: FilePath?
    /// Accept any certificate of the server.
    package var skipsVerification = false

    var isEmpty: Bool { authorities.isEmpty && clientCertificate == nil && !skipsVerification }

    package init() {}

    /// These, and besides them what holds for all hosts; a client pair of these goes first.
    func adding(_ general: HostCertificates) -> HostCertificates {
        var sum = self
        sum.authorities += general.authorities
        if clientCertificate == nil {
            (sum.clientCertificate, sum.clientKey) = (general.clientCertificate, general.clientKey)
        }
        sum.skipsVerification = skipsVerification || general.skipsVerification
        return sum
    }

    /// Where Docker and Podman look.
    package static var directories: [FilePath] {
        let user = environment("HOME").map { $0.appending(".config/containers/certs.d") }
        return (user.map { [$0] } ?? []) + ["/etc/containers/certs.d", "/etc/docker/certs.d"]
    }

    /// Reads the files for a host.
    ///
    /// - Parameters:
    ///   - host: the registry as it is written in references, with the port if there is one.
    ///   - directories: each may have an entry; the first with a client pair provides it.
    /// - Returns: `nil` when there is nothing for this host.
    /// - Throws: when a file is there but cannot be read.
    package static func find(for host: String, in directories: [FilePath]) throws -> HostCertificates? {
        var found = HostCertificates()
        for directory in directories.map({ $0.appending(host) }) {
            let names = directory.sortedNames
            for name in names where name.hasSuffix(".crt") {
                try found.trust(directory.appending(name))
            }
            guard found.clientCertificate == nil, let certificate = names.first(where: { $0.hasSuffix(".cert") })
            else { continue }
            let key = certificate.dropLast("cert".count) + "key"
            guard names.contains(String(key)) else {
                throw CertificateFailure.missingKey(directory.appending(certificate), String(key))
            }
            found.clientCertificate = directory.appending(certificate)
            found.clientKey = directory.appending(String(key))
        }
        return found.isEmpty ? nil : found
    }

    /// Adds the authorities in a file to those that are trusted.
    ///
    /// - Throws: when the file cannot be read, or holds no certificate in PEM.
    package mutating func trust(_ path: FilePath) throws {
        let file = try FileSlice(opening: path)
        let limit: Int64 = 1 << 20
        guard file.count <= limit else { throw CertificateFailure.tooLarge(path, limit: limit) }
        let bytes = try context("\(path)") { try file.bytes() }
        // Such a file would be ignored without a word, and every server refused.
        guard bytes.firstRange(of: "-----BEGIN ".utf8) != nil else { throw CertificateFailure.noCertificate(path) }
        authorities += bytes + [UInt8(ascii: "\n")]
    }
}

package enum CertificateFailure: Failure {
    case missingKey(FilePath, String)
    case tooLarge(FilePath, limit: Int64)
    case noCertificate(FilePath)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .missingKey(let certificate, let key): "\(certificate): expected its key beside it in '\(key.printable)'"
        case .tooLarge(let path, let limit): "\(path): expected at most \(limit) bytes of certificates"
        case .noCertificate(let path): "\(path): expected certificates in PEM"
        }
    }
}
