import Content
import OCI
import Synchronization

/// What the clients of one run know together about registries: those that are the same user of the same registry share
/// an `Authenticator`, and with it their tokens.
package final class Logins: Sendable {
    /// A client that may have to log in.
    package struct Place: Hashable, Sendable {
        let origin: HTTPURL
        let key: CredentialKey
        let choice: CredentialChoice
        /// What it is going to need.
        let scope: TokenScope

        /// - Parameters:
        ///   - origin: where the registry is.
        ///   - key: what credentials are looked for.
        ///   - choice: how.
        ///   - scope: what the client is going to need.
        package init(at origin: HTTPURL, for key: CredentialKey, by choice: CredentialChoice, scope: TokenScope) {
            self.origin = origin
            self.key = key
            self.choice = choice
            self.scope = scope
        }
    }

    private struct User: Hashable {
        let origin: HTTPURL
        let credentials: Credentials?
    }

    private struct State {
        var places: [Place] = []
        var users: [Place: User] = [:]
        var authenticators: [User: Authenticator] = [:]
    }

    private let http: any HTTPExchanging
    private let retry: RetryPolicy
    private let state = Mutex(State())
    /// Credential helpers run one at a time: they may ask the user for something.
    private let gate = Gate(1)

    package init(over http: any HTTPExchanging, retry: RetryPolicy) {
        self.http = http
        self.retry = retry
    }

    /// Tells what a client is going to need, so that a token that another one fetches before can be good for both.
    package func announce(_ place: Place) {
        state.withLock { state in
            if !state.places.contains(place) { state.places.append(place) }
        }
    }

    /// - Parameters:
    ///   - place: who asks.
    ///   - http: carries requests to token servers if this client is the first of its kind; `nil` for nothing special.
    /// - Returns: the one that all clients of this kind share.
    /// - Throws: when the credentials cannot be read.
    package func authenticator(
        for place: Place, over http: (any HTTPExchanging)? = nil
    ) async throws -> Authenticator {
        if let known = known(place) { return known }
        announce(place)
        return try await gate.withPermit {
            if let known = self.known(place) { return known }
            let user = try await self.user(of: place)
            let authenticator = self.state.withLock { state in
                let authenticator =
                    state.authenticators[user]
                    ?? Authenticator(
                        for: user.origin, credentials: user.credentials, over: http ?? self.http, retry: self.retry)
                state.authenticators[user] = authenticator
                return authenticator
            }
            let places = self.state.withLock { $0.places }
            for other in places where other.origin == place.origin {
                // Where this fails, the other client will tell.
                if let same = try? await self.user(of: other), same == user { await authenticator.expect(other.scope) }
            }
            return authenticator
        }
    }

    private func known(_ place: Place) -> Authenticator? {
        state.withLock { state in state.users[place].flatMap { state.authenticators[$0] } }
    }

    private func user(of place: Place) async throws -> User {
        if let known = state.withLock({ $0.users[place] }) { return known }
        let user = User(origin: place.origin, credentials: try await place.choice.credentials(for: place.key))
        state.withLock { $0.users[place] = user }
        return user
    }
}
