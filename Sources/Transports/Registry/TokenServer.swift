import Archive
import Content
import Glibc

/// Gives out tokens for a registry (Docker's token specification, in its form of GET and in that of OAuth 2).
struct TokenServer: Hashable, Sendable {
    let realm: HTTPURL
    let service: String?

    /// What it gives.
    struct Answer {
        let token: String
        let lifetime: Duration
        /// Takes the place of the identity token that was sent.
        let identityToken: String?
    }

    /// Asks for a token, as whom the credentials say, or anonymously.
    ///
    /// An identity token goes as a form (OAuth 2), as Docker and containerd do it. Servers that know no such form get
    /// the credentials as they get passwords.
    func token(
        for scope: TokenScope, _ credentials: Credentials?, hiding secrets: [String], over http: any HTTPExchanging,
        _ retry: RetryPolicy
    ) async throws -> Answer {
        // In a context of its own the failure is final: the request that wants the token is not tried again for it.
        let body = try await context("token server") { () async throws -> [UInt8] in
            if let credentials, case .identityToken(let token) = credentials.secret {
                do {
                    return try await send(form(for: scope, token), credentials, hiding: secrets, over: http, retry)
                } catch let failure as RegistryFailure where Self.knowsNoForm(failure) {
                    // What follows tells whether the token is good.
                }
            }
            return try await send(query(for: scope, credentials), credentials, hiding: secrets, over: http, retry)
        }
        // Nothing of a malformed answer is shown: it may hold a token.
        guard let root = try? JSON(parsing: body) else { throw RegistryAnswerFailure.noToken(realm) }
        // Two names for the same thing, for the sake of OAuth 2; it must not be able to add lines to a request.
        let candidates = [root["token"]?.string, root["access_token"]?.string]
        guard let text = candidates.lazy.compactMap({ $0 }).first(where: { !$0.isEmpty }),
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw RegistryAnswerFailure.noToken(realm) }
        return Answer(
            token: text, lifetime: Self.lifetime(in: root), identityToken: root["refresh_token"]?.string)
    }

    private func query(for scope: TokenScope, _ credentials: Credentials?) -> HTTPRequest {
        var url = realm
        if let service { url = url.appending("service", service) }
        for text in scope.texts { url = url.appending("scope", text) }
        var request = HTTPRequest(.get, url, receiver: .memory(limit: 1 << 20))
        request.headers["Authorization"] = credentials?.basic
        return request
    }

    private func form(for scope: TokenScope, _ token: String) -> HTTPRequest {
        var fields = [("grant_type", "refresh_token"), ("client_id", "esgz"), ("refresh_token", token)]
        if let service { fields.append(("service", service)) }
        if scope != .none { fields.append(("scope", scope.texts.joined(separator: " "))) }
        let text = fields.map { "\($0)=\(HTTPURL.encode($1))" }.joined(separator: "&")
        var request = HTTPRequest(.post, realm, body: .bytes(Array(text.utf8)), receiver: .memory(limit: 1 << 20))
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        return request
    }

    private func send(
        _ request: HTTPRequest, _ credentials: Credentials?, hiding secrets: [String], over http: any HTTPExchanging,
        _ retry: RetryPolicy
    ) async throws -> [UInt8] {
        var request = request
        request.secrets = secrets
        return try await retry.run { [request] in
            // A form has the secret in its body, and goes nowhere else.
            var response =
                try await request.method == .post
                ? http.send(request) : http.sendFollowingRedirects(request)
            if response.isSuccess { return response.body }
            response.conceal(secrets)
            var failure = RegistryFailure(request.method, response, credentials: credentials?.origin)
            failure.isOfTokenServer = true
            throw failure
        }
    }

    /// Registries that have the token server under an address of their own answer as they please (as containerd found).
    private static func knowsNoForm(_ failure: RegistryFailure) -> Bool {
        switch failure.status {
        case 404, 405, 501: true
        case 400: failure.diagnostics.isEmpty || failure.diagnostics.contains { $0.message.contains("unsupported") }
        default: false
        }
    }

    /// 60 s when nothing is said, and never less (Docker's token specification); a tenth less, for the time under way.
    private static func lifetime(in root: JSON) -> Duration {
        let stated = min(max(root["expires_in"]?.integer ?? 60, 60), 86400)
        // Servers may give out a token that they have made before. A clock that is wrong must not have us fetch a token
        // for each request: an old one gets refused, and then replaced.
        let age =
            root["issued_at"]?.string.flatMap { TarEntry.Time(rfc3339: $0)?.seconds }.map {
                max(Int64(time(nil)) - $0, 0)
            } ?? 0
        return .seconds(max(stated - age, 10) * 9 / 10)
    }
}
