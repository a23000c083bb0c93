import Content
import Glibc
import OCI
import SystemPackage

/// A user name and password. Neither ever shows up in text.
package struct Credentials: Hashable, Sendable {
    package let username: String
    package let password: String

    package init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// The value of an `Authorization` field (RFC 7617).
    var basic: String { "Basic " + Base64.text(of: Array("\(username):\(password)".utf8)) }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "credentials" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Docker's configuration file, as `docker login` writes it.
package struct CredentialFile: Sendable {
    private static let sizeLimit: Int64 = 4 << 20

    private let path: FilePath
    private let entries: [(key: String, entry: JSON)]

    /// Reads `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; one that does not exist holds nothing.
    package static func read() throws -> CredentialFile {
        let directory = environment("DOCKER_CONFIG") ?? environment("HOME")?.appending(".docker") ?? ".docker"
        return try CredentialFile(reading: directory.appending("config.json"))
    }

    private static func environment(_ name: String) -> FilePath? {
        getenv(name).map { FilePath(String(cString: $0)) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Throws: a failure that names the file when it is there but cannot be read or is malformed.
    package init(reading path: FilePath) throws {
        self.path = path
        let file: FileSlice
        do {
            file = try FileSlice(opening: path)
        } catch let failure as any Failure where failure.kind == .notFound {
            entries = []
            return
        }
        entries = try context("\(path)") {
            guard file.count <= Self.sizeLimit else { throw CredentialFailure.tooLarge(limit: Self.sizeLimit) }
            let root = try JSON(parsing: try file.bytes())
            guard let auths = root["auths"], auths != .null else { return [] }
            guard let object = auths.object else { throw CredentialFailure.notAnObject }
            return object.members.map { ($0.key, $0.value) }
        }
    }

    /// The credentials for a registry as references name it.
    ///
    /// - Returns: `nil` when there are none, also when a credential helper keeps them.
    /// - Throws: `CredentialFailure` when the entry is malformed; it does not show what is in it.
    package func credentials(for registry: String) throws -> Credentials? {
        let entry =
            entries.first { $0.key == registry }
            ?? entries.first { Self.registry(ofKey: $0.key) == registry.lowercased() }
        guard let entry else { return nil }
        return try context("\(path)") { try Self.credentials(in: entry.entry, key: entry.key) }
    }

    private static func credentials(in entry: JSON, key: String) throws -> Credentials? {
        if let auth = entry["auth"]?.string, !auth.isEmpty {
            // Some writers pad with zero bytes.
            guard let bytes = Base64.bytes(of: auth.trimmed),
                let text = String(validating: bytes.filter { $0 != 0 }, as: UTF8.self),
                let colon = text.firstIndex(of: ":")
            else { throw CredentialFailure.malformedEntry(key: key) }
            return Credentials(
                username: String(text[..<colon]), password: String(text[text.index(after: colon)...]))
        }
        guard let username = entry["username"]?.string, let password = entry["password"]?.string, !username.isEmpty
        else { return nil }
        return Credentials(username: username, password: password)
    }

    /// Docker Hub has three names, and keys may be URLs of either version of the protocol.
    private static func registry(ofKey key: String) -> String? {
        var rest = key[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        let host = rest.prefix { $0 != "/" }.lowercased()
        // A key for one namespace of the registry says nothing of the others.
        guard ["", "/", "/v1", "/v1/", "/v2", "/v2/"].contains(rest.dropFirst(host.count)) else { return nil }
        return ["index.docker.io", "registry-1.docker.io"].contains(host) ? ImageReference.defaultRegistry : host
    }
}

package enum CredentialFailure: Failure {
    case notAnObject
    case malformedEntry(key: String)
    case tooLarge(limit: Int64)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .notAnObject: "expected an object under 'auths'"
        case .malformedEntry(let key):
            "auths: '\(key.prefix(200).printable)': expected 'auth' to be USER:PASSWORD in Base64; log in again to mend it"
        case .tooLarge(let limit): "expected at most \(limit) bytes"
        }
    }
}
