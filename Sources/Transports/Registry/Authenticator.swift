import Content
import OCI

/// What one request may do where; the `scope` of a token (Docker's token specification).
package struct TokenScope: Hashable, Sendable {
    /// Such as `repository:library/alpine:pull`; more than one only for mounts.
    package let texts: [String]

    package static func pull(_ repository: String) -> TokenScope {
        TokenScope(texts: ["repository:\(repository):pull"])
    }

    package static func push(_ repository: String) -> TokenScope {
        TokenScope(texts: ["repository:\(repository):pull,push"])
    }

    package static func mount(from source: String, to repository: String) -> TokenScope {
        TokenScope(texts: push(repository).texts + pull(source).texts)
    }
}

/// Knows how to satisfy one registry: what it demands, and the tokens it has accepted.
///
/// An actor, since the requests of many layers share it: of those that need the same token, one fetches it.
package actor Authenticator {
    /// What the registry demanded when it last refused a request.
    private enum Demand {
        case nothing
        case basic
        case bearer(realm: HTTPURL, service: String?)
    }

    private struct Token {
        let text: String
        let end: ContinuousClock.Instant
    }

    private let registry: HTTPURL
    private let credentials: Credentials?
    private let http: any HTTPExchanging
    private let retry: RetryPolicy
    private var demand = Demand.nothing
    private var tokens: [TokenScope: Token] = [:]
    /// Requests that wait for a token somebody else is fetching.
    private var waiters: [TokenScope: [CheckedContinuation<Void, Never>]] = [:]

    package init(
        for registry: HTTPURL, credentials: Credentials?, over http: any HTTPExchanging, retry: RetryPolicy
    ) {
        self.registry = registry
        self.credentials = credentials
        self.http = http
        self.retry = retry
    }

    /// The `Authorization` for a request, as far as earlier answers have told what is wanted.
    package func authorization(for scope: TokenScope) async throws -> String? {
        switch demand {
        case .nothing: nil
        case .basic: credentials?.basic
        case .bearer(let realm, let service): "Bearer " + (try await token(for: scope, realm, service))
        }
    }

    /// Another `Authorization`, after the registry has refused a request with status 401.
    ///
    /// - Parameters:
    ///   - rejected: the `Authorization` that the request had.
    ///   - challenges: what the answer demands.
    ///   - scope: what the request needs.
    /// - Returns: `nil` when there is nothing better to offer.
    /// - Throws: when the token server refuses, or cannot be reached.
    package func authorization(
        insteadOf rejected: String?, _ challenges: [Challenge], for scope: TokenScope
    ) async throws -> String? {
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }), let realm = bearer.parameters["realm"] {
            demand = .bearer(realm: try registry.resolving(realm), service: bearer.parameters["service"])
            // Somebody else may have renewed it while this request was under way.
            if let token = tokens[scope], "Bearer \(token.text)" == rejected { tokens[scope] = nil }
        } else if challenges.contains(where: { $0.scheme == "basic" }) {
            demand = .basic
        } else {
            return nil
        }
        let renewed = try await authorization(for: scope)
        return renewed == rejected ? nil : renewed
    }

    /// What must not show up in a message: the password, and what has been sent for it.
    package func secrets(in authorization: String) -> [String] {
        let parts = authorization.split(separator: " ").dropFirst().map(String.init)
        return (parts + [credentials?.password ?? ""]).filter { !$0.isEmpty }
    }

    private func token(for scope: TokenScope, _ realm: HTTPURL, _ service: String?) async throws -> String {
        while true {
            if let token = tokens[scope], token.end > .now { return token.text }
            guard waiters[scope] != nil else { break }
            // Not cancelled on its own: who fetches is bounded in time, and wakes everyone whatever happens.
            await withCheckedContinuation { waiters[scope]?.append($0) }
        }
        waiters[scope] = []
        defer { waiters.removeValue(forKey: scope)?.forEach { $0.resume() } }
        let token = try await fetchToken(for: scope, realm, service)
        tokens[scope] = token
        return token.text
    }

    private func fetchToken(for scope: TokenScope, _ realm: HTTPURL, _ service: String?) async throws -> Token {
        var url = realm
        if let service { url = url.appending("service", service) }
        for text in scope.texts { url = url.appending("scope", text) }
        var request = HTTPRequest(.get, url, receiver: .memory(limit: 1 << 20))
        if let credentials {
            guard realm.scheme == .https || registry.scheme == .http else {
                throw RegistryAnswerFailure.tokenWithoutTLS(realm)
            }
            request.headers["Authorization"] = credentials.basic
        }
        // In a context of its own the failure is final: the request that wants the token is not tried again for it.
        let body = try await context("token server") {
            try await retry.run {
                var response = try await http.sendFollowingRedirects(request)
                if response.isSuccess { return response.body }
                if let authorization = request.headers["Authorization"] {
                    response.conceal(secrets(in: authorization))
                }
                throw RegistryFailure(.get, response)
            }
        }
        let answer = try context("\(realm)") { try JSON(parsing: body) }
        // Two names for the same thing, for the sake of OAuth 2; it must not be able to add lines to a request.
        guard let text = answer["token"]?.string ?? answer["access_token"]?.string, !text.isEmpty,
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw RegistryAnswerFailure.noToken(realm) }
        // 60 s when nothing is said (Docker's token specification); a tenth less, for the time under way.
        let seconds = min(max(answer["expires_in"]?.integer ?? 60, 60), 86400)
        return Token(text: text, end: .now + .seconds(seconds * 9 / 10))
    }
}

extension HTTPResponse {
    /// Drops the body of an answer that echoes a secret, before it can get into a message.
    mutating func conceal(_ secrets: [String]) {
        let text = String(decoding: body, as: UTF8.self)
        if secrets.contains(where: { text.contains($0) }) { body = [] }
    }
}
