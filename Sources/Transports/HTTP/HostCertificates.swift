import Content
import Glibc
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

    /// Where Docker and Podman look.
    package static let systemDirectories: [FilePath] = ["/etc/containers/certs.d", "/etc/docker/certs.d"]

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
            let names = names(in: directory)
            for name in names where name.hasSuffix(".crt") {
                found.authorities += try read(directory.appending(name)) + [UInt8(ascii: "\n")]
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
        return found.authorities.isEmpty && found.clientCertificate == nil ? nil : found
    }

    private static func read(_ path: FilePath) throws -> [UInt8] {
        let file = try FileSlice(opening: path)
        let limit: Int64 = 1 << 20
        guard file.count <= limit else { throw CertificateFailure.tooLarge(path, limit: limit) }
        return try file.bytes()
    }

    /// Sorted names. A directory that this user may not read is one that is not there, as for Podman.
    private static func names(in directory: FilePath) -> [String] {
        guard let stream = opendir(directory.string) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.sorted()
    }
}

package enum CertificateFailure: Failure {
    case missingKey(FilePath, String)
    case tooLarge(FilePath, limit: Int64)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .missingKey(let certificate, let key): "\(certificate): expected its key beside it in '\(key.printable)'"
        case .tooLarge(let path, let limit): "\(path): expected at most \(limit) bytes of certificates"
        }
    }
}
