import Content
import OCI

/// Knows how to satisfy one registry: what it demands, and the tokens it has accepted.
///
/// An actor, since the requests of many layers share it: of those that need the same token, one fetches it.
package actor Authenticator {
    /// What the registry demanded when it last refused a request.
    private enum Demand {
        case nothing
        case basic
        case bearer(TokenServer)
    }

    private struct Token {
        let text: String
        let end: ContinuousClock.Instant
    }

    private let registry: HTTPURL
    private let http: any HTTPExchanging
    private let retry: RetryPolicy
    private let now: @Sendable () -> ContinuousClock.Instant
    private var credentials: Credentials?
    /// Identity tokens that a token server has replaced, and tokens that were refused: still nothing to be shown.
    private var formerSecrets: [String] = []
    private var demand = Demand.nothing
    private var tokens: [TokenScope: Token] = [:]
    /// Requests that wait for a token somebody else is fetching.
    private var waiters: [TokenScope: [CheckedContinuation<Void, Never>]] = [:]
    /// What is going to be needed, all of which one token is asked for.
    private var expected = TokenScope.none
    /// Cleared once the token server or the registry did not take one token for everything.
    private var isBundling = true
    /// What the registry wanted in addition to what we thought a request needs.
    private var widened: [TokenScope: TokenScope] = [:]

    /// - Parameters:
    ///   - registry: which is to be satisfied.
    ///   - credentials: `nil` to stay anonymous.
    ///   - http: how token servers are reached.
    ///   - retry: how often they are asked.
    ///   - now: tells when tokens end.
    package init(
        for registry: HTTPURL, credentials: Credentials?, over http: any HTTPExchanging, retry: RetryPolicy,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.now = now
        self.registry = registry
        self.credentials = credentials
        self.http = http
        self.retry = retry
    }

    /// Tells what is going to be needed, so that one token can serve for it.
    func expect(_ scope: TokenScope) {
        expected = expected.union(scope)
    }

    /// The `Authorization` for a request, as far as earlier answers have told what is wanted.
    package func authorization(for scope: TokenScope) async throws -> String? {
        if let credentials, case .registryToken(let token) = credentials.secret { return "Bearer \(token)" }
        switch demand {
        case .nothing: return nil
        case .basic:
            guard let credentials, case .password = credentials.secret else { return nil }
            return credentials.basic
        case .bearer(let server): return "Bearer " + (try await token(for: scope, server))
        }
    }

    /// Another `Authorization`, after the registry has refused a request with status 401.
    ///
    /// - Parameters:
    ///   - rejected: the `Authorization` that the request had.
    ///   - challenges: what the answer demands.
    ///   - scope: what the request needs.
    ///   - isFresh: `rejected` was made for this very request; another one like it would not fare better.
    /// - Returns: `nil` when there is nothing better to offer.
    /// - Throws: when the token server refuses, or cannot be reached.
    package func authorization(
        insteadOf rejected: String?, _ challenges: [Challenge], for scope: TokenScope, isFresh: Bool = false
    ) async throws -> String? {
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }), let realm = bearer.parameters["realm"] {
            let service = bearer.parameters["service"].flatMap { $0.isEmpty ? nil : $0 }
            demand = .bearer(TokenServer(realm: try registry.following(realm), service: service))
            if let rejected {
                let hasChanged = drop(rejected, bearer, for: scope, isFresh: isFresh)
                if isFresh, !hasChanged { return nil }
            }
        } else if challenges.contains(where: { $0.scheme == "basic" }) {
            demand = .basic
        } else {
            return nil
        }
        let renewed = try await authorization(for: scope)
        return renewed == rejected ? nil : renewed
    }

    /// Where the credentials come from; `nil` where there are none.
    var origin: String? { credentials?.origin }

    /// What must not show up in a message: the password, and what has been sent for it.
    func secrets(in authorization: String?) -> [String] {
        let parts = (authorization ?? "").split(separator: " ").dropFirst().map(String.init)
        return parts + (credentials?.secrets ?? []) + formerSecrets + tokens.values.map(\.text)
    }

    /// Forgets a token that was refused, and finds out why.
    ///
    /// - Returns: whether the next token for this scope will be one for something else.
    private func drop(_ rejected: String, _ challenge: Challenge, for scope: TokenScope, isFresh: Bool) -> Bool {
        // Somebody else may have renewed it while this request was under way.
        guard let (held, token) = tokens.first(where: { "Bearer \($0.value.text)" == rejected }) else { return true }
        tokens[held] = nil
        formerSecrets.append(token.text)
        let wanted = scope.union(TokenScope(parsing: challenge.parameters["scope"] ?? ""))
        let isTooLittle = challenge.parameters["error"]?.lowercased() == "insufficient_scope"
        let needed = widened[scope] ?? scope
        // Some token servers leave out what may not be had, and say nothing.
        let wasBundle = held != needed
        guard isTooLittle || !held.covers(wanted) || isFresh && wasBundle else { return false }
        if wasBundle { isBundling = false }
        widened[scope] = needed.union(wanted)
        return wasBundle || widened[scope] != needed
    }

    private func token(for scope: TokenScope, _ server: TokenServer) async throws -> String {
        while true {
            let needed = widened[scope] ?? scope
            if let token = tokens.first(where: { $0.key.covers(needed) && $0.value.end > now() })?.value {
                return token.text
            }
            let wanted = isBundling ? needed.union(expected) : needed
            guard waiters[wanted] == nil else {
                // Not cancelled on its own: who fetches is bounded in time, and wakes everyone whatever happens.
                await withCheckedContinuation { waiters[wanted]?.append($0) }
                continue
            }
            waiters[wanted] = []
            defer { waiters.removeValue(forKey: wanted)?.forEach { $0.resume() } }
            do {
                return try await fetchToken(for: wanted, server)
            } catch let failure as any Failure where failure.kind == .denied && wanted != needed {
                // Some token servers refuse everything when one part may not be had.
                isBundling = false
            }
        }
    }

    private func fetchToken(for scope: TokenScope, _ server: TokenServer) async throws -> String {
        guard credentials == nil || server.realm.scheme == .https || registry.scheme == .http else {
            throw RegistryAnswerFailure.tokenWithoutTLS(server.realm)
        }
        let answer = try await server.token(for: scope, credentials, hiding: secrets(in: nil), over: http, retry)
        if let credentials, case .identityToken(let old) = credentials.secret, let new = answer.identityToken,
            !new.isEmpty, new != old
        {
            formerSecrets += credentials.secrets
            self.credentials = Credentials(username: credentials.username, .identityToken(new))
            self.credentials?.origin = credentials.origin
        }
        tokens[scope] = Token(text: answer.token, end: now() + answer.lifetime)
        return answer.token
    }
}

extension [String] {
    /// Those that are long enough: shorter ones are found in any message, and their absence would tell them.
    var long: [String] { filter { $0.utf8.count >= 4 } }

    /// Whether one of these secrets stands in `text`, as it is or as it gets when it becomes part of a URL.
    func occur(in text: String) -> Bool {
        // The hosts of URLs are shown in lower case.
        let text = text.lowercased()
        return contains { secret in
            [secret, HTTPURL.escape(secret) ?? secret, HTTPURL.encode(secret)].contains { spelling in
                !spelling.isEmpty && text.contains(spelling.lowercased())
            }
        }
    }
}

extension HTTPResponse {
    /// Drops the body of an answer that echoes a secret, before it can get into a message.
    mutating func conceal(_ secrets: [String]) {
        if secrets.occur(in: String(decoding: body, as: UTF8.self)) { body = [] }
    }
}

/// Stands for a failure whose message holds a secret: somebody repeated what we sent.
struct ConcealedFailure: Failure {
    let kind: FailureKind

    var description: String { "the answer repeats the credentials that were sent, so it is not shown" }

    /// - Returns: `error` itself unless it would show one of the secrets.
    static func replacing(_ error: any Error, _ secrets: [String]) -> any Error {
        guard let failure = error as? any Failure else { return error }
        guard secrets.long.occur(in: failure.description) else { return error }
        return ConcealedFailure(kind: failure.kind)
    }
}
