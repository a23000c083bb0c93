import Content
import OCI
import SystemPackage

/// Logging in to a registry, and out of it: asks the registry, and keeps or forgets credentials.
package struct RegistryLogin: Sendable {
    /// Where credentials went.
    package enum Keeper: Hashable, Sendable {
        case helper(String)
        /// In plain text.
        case file(FilePath)
    }

    package let key: CredentialKey
    private let search: CredentialSearch

    /// - Parameters:
    ///   - key: the registry, or a path of it.
    ///   - search: names the file.
    package init(to key: CredentialKey, _ search: CredentialSearch) {
        self.key = key
        self.search = search
    }

    /// Asks the registry whether it knows these credentials.
    ///
    /// - Parameters:
    ///   - credentials: what to log in with.
    ///   - network: how to get there.
    ///   - plainHTTP: never use TLS.
    ///   - usesTLSOnLoopback: use it there too.
    /// - Throws: `LoginFailure` when it does not.
    package func verify(
        _ credentials: Credentials, over network: Network, plainHTTP: Bool, usesTLSOnLoopback: Bool = false
    ) async throws {
        var reference = try ImageReference(parsing: "login")
        reference.registry = key.registry
        if !key.path.isEmpty { reference.repository = key.path }
        let options = TransportOptions(
            temporaryDirectory: "/", network: network, plainHTTP: plainHTTP, credentials: .given(credentials),
            usesTLSOnLoopback: usesTLSOnLoopback)
        do {
            try await RegistryClient(reference, options, for: .none).ping()
        } catch let failure as any Failure where failure.kind == .denied {
            throw LoginFailure(registry: key.registry)
        }
    }

    /// Keeps credentials where later runs find them.
    package func store(_ credentials: Credentials) async throws -> Keeper {
        let storage = try CredentialStorage(at: search.ownFile, variables: search.variables)
        let program = try await storage.store(credentials, for: key)
        return program.map { .helper($0) } ?? .file(search.ownFile)
    }

    /// Forgets credentials.
    ///
    /// - Returns: whether there were any.
    package func erase() async throws -> Bool {
        let storage = try CredentialStorage(at: search.ownFile, variables: search.variables)
        return try await storage.erase(key)
    }

    /// Forgets the credentials for all registries that logins were written down for.
    ///
    /// - Returns: the registries, and paths of them, that there were some for.
    package static func eraseAll(_ search: CredentialSearch) async throws -> [CredentialKey] {
        try await CredentialStorage(at: search.ownFile, variables: search.variables).eraseAll()
    }

    /// A place that has something for this registry and is asked before the one that logins are written to.
    package var obstacle: String? { search.others(than: search.ownFile, having: key).before }

    /// Any other place that has something for this registry.
    package var remainder: String? {
        let others = search.others(than: search.ownFile, having: key)
        return others.before ?? others.after
    }
}

/// The registry does not know these credentials.
package struct LoginFailure: Failure {
    let registry: String

    package var kind: FailureKind { .denied }
    package var description: String { "\(registry) refuses this user name and password" }
}

extension RegistryClient {
    /// Asks for nothing but to be let in.
    ///
    /// - Throws: also when this is a web server that lets everybody in.
    fileprivate func ping() async throws {
        let response = try await send(HTTPRequest(.get, try base.resolving("/v2/")), for: .none, expecting: 200)
        // Some registries leave out the field, some the body.
        guard
            response.headers["Docker-Distribution-Api-Version"] != nil || response.body.isEmpty
                || (try? JSON(parsing: response.body)) != nil
        else { throw RegistryAnswerFailure.noRegistry(response.url) }
    }
}
