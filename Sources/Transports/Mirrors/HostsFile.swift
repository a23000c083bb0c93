import Content
import OCI
import SystemPackage

/// What containerd's `hosts.toml` says about one registry: hosts to ask in order, then the registry itself.
struct HostsFile: Sendable {
    /// A host, or the registry itself.
    struct Host: Sendable {
        /// Scheme, host and port.
        let origin: HTTPURL
        /// What stands before the name of the repository, with a slash at both ends.
        let path: String
        let settings: Settings
    }

    /// What can be set for each of them.
    struct Settings: Sendable {
        var mayResolve = true
        var mayPull = true
        /// `nil` where nothing is said of TLS.
        var certificates: HostCertificates?
        var headers = HTTPHeaders()
    }

    let path: FilePath
    let hosts: [Host]
    /// What takes the registry's own place; `nil` for the registry itself.
    let server: Host?
    /// For the registry itself.
    let settings: Settings

    /// Finds the file for a registry.
    ///
    /// - Parameters:
    ///   - registry: as references have it, with the port if there is one.
    ///   - directories: in each the directory of the registry, else `_default`, may hold the file; the first file counts.
    /// - Returns: `nil` when there is no file.
    /// - Throws: when the file is malformed, or names certificates that cannot be read.
    static func find(for registry: String, in directories: [FilePath]) throws -> HostsFile? {
        for directory in directories {
            // A directory without the file may hold certificates only, and `_default` is not meant then.
            guard let found = names(of: registry).map({ directory.appending($0) }).first(where: \.isDirectory) else {
                continue
            }
            let path = found.appending("hosts.toml")
            if path.exists { return try HostsFile(ConfigurationFile(reading: path)) }
        }
        return nil
    }

    /// containerd writes the port as `_5000_` where a colon may not stand in a name.
    private static func names(of registry: String) -> [String] {
        guard let colon = registry.lastIndex(of: ":"), !registry[colon...].contains("]") else {
            return [registry, "_default"]
        }
        let port = registry[registry.index(after: colon)...]
        return ["\(registry[..<colon])_\(port)_", registry, "_default"]
    }

    init(_ file: ConfigurationFile) throws {
        let settings = try Self.settings(in: file.root, file)
        let tables = Dictionary((file.root["host"]?.object?.members ?? []).map { ($0.key, $0.value) }) { first, _ in
            first
        }
        hosts = try file.keysAsWritten(of: "host").map { key in
            guard let table = tables[key], table.object != nil else {
                throw ConfigurationFailure.wrongType(file.path, key: "host", expected: "tables, such as [host.\"URL\"]")
            }
            return try Self.host(key, table, try Self.settings(in: table, file), file)
        }
        let server = try file.string("server", in: file.root).flatMap { $0.isEmpty ? nil : $0 }
        self.server = try server.map { try Self.host($0, file.root, settings, file) }
        self.settings = settings
        path = file.path
    }

    private static func host(
        _ text: String, _ table: JSON, _ settings: Settings, _ file: ConfigurationFile
    ) throws -> Host {
        let url = try context("\(file.path)") { try HTTPURL(parsing: text.contains("://") ? text : "https://\(text)") }
        guard !url.target.contains("?") else {
            throw ConfigurationFailure.contradiction(file.path, "'\(url)': expected a URL without a query")
        }
        var path = url.target.split(separator: "/").map { "/\($0)" }.joined()
        if !(try file.bool("override_path", in: table) ?? false), !path.hasSuffix("/v2") { path += "/v2" }
        let origin = try HTTPURL(parsing: url.origin)
        return Host(origin: origin, path: path + "/", settings: settings)
    }

    private static func settings(in table: JSON, _ file: ConfigurationFile) throws -> Settings {
        var settings = Settings()
        if let capabilities = try file.strings("capabilities", in: table) {
            guard capabilities.allSatisfy({ ["pull", "resolve", "push", "referrers"].contains($0) }) else {
                throw ConfigurationFailure.wrongType(
                    file.path, key: "capabilities", expected: "some of pull, resolve and push")
            }
            settings.mayResolve = capabilities.contains("resolve")
            settings.mayPull = capabilities.contains("pull")
        }
        settings.headers = try headers(in: table, file)
        settings.certificates = try certificates(in: table, file)
        return settings
    }

    private static func headers(in table: JSON, _ file: ConfigurationFile) throws -> HTTPHeaders {
        var headers = HTTPHeaders()
        guard let fields = table["header"] else { return headers }
        guard let members = fields.object?.members else {
            throw ConfigurationFailure.wrongType(file.path, key: "header", expected: "a table")
        }
        for member in members {
            guard HTTPHeaders.isName(member.key) else {
                throw ConfigurationFailure.wrongType(
                    file.path, key: member.key, expected: "the name of a header, of letters, digits and hyphens")
            }
            for value in try file.strings(member.key, in: fields, orOne: true) ?? [] {
                headers.append(member.key, value)
            }
        }
        return headers
    }

    private static func certificates(in table: JSON, _ file: ConfigurationFile) throws -> HostCertificates? {
        let directory = file.path.removingLastComponent()
        var certificates = HostCertificates()
        for name in try file.strings("ca", in: table, orOne: true) ?? [] {
            do {
                try certificates.trust(directory.pushing(FilePath(name)))
            } catch let failure as any Failure where failure.kind == .notFound {
                // It is not the image that is missing.
                throw ConfigurationFailure.contradiction(file.path, "\(failure)")
            }
        }
        if let (certificate, key) = try clientPair(in: table, file) {
            certificates.clientCertificate = directory.pushing(FilePath(certificate))
            certificates.clientKey = directory.pushing(FilePath(key))
        }
        certificates.skipsVerification = try file.bool("skip_verify", in: table) ?? false
        return certificates.isEmpty ? nil : certificates
    }

    /// A file with both, a list of these, or a list of pairs. libcurl presents one pair, so the first counts.
    private static func clientPair(
        in table: JSON, _ file: ConfigurationFile
    ) throws -> (certificate: String, key: String)? {
        guard let value = table["client"] else { return nil }
        let first = value.array?.first ?? value
        if let name = first.string { return (name, name) }
        let pair = (first.array ?? []).compactMap(\.string)
        guard (1...2).contains(pair.count), pair.count == first.array?.count else {
            throw ConfigurationFailure.wrongType(
                file.path, key: "client", expected: "a file, or a list of pairs of certificate and key")
        }
        return (pair[0], pair[1 % pair.count])
    }
}
