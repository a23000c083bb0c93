import Content

/// Who somebody claims to be, and what proves it. The proof never shows up in text.
package struct Credentials: Hashable, Sendable {
    /// What proves it.
    package enum Secret: Hashable, Sendable {
        case password(String)
        /// Got from a token server once, in place of a password (a refresh token of OAuth 2).
        case identityToken(String)
        /// What the registry itself takes, sent as it is.
        case registryToken(String)
    }

    /// Empty where a token says it all.
    package let username: String
    package let secret: Secret
    /// The file, helper or option that they come from, for messages; makes no difference between them.
    package var origin: String?

    package init(username: String, _ secret: Secret) {
        self.username = username
        self.secret = secret
    }

    package init(username: String, password: String) {
        self.init(username: username, .password(password))
    }

    package static func == (first: Credentials, second: Credentials) -> Bool {
        first.username == second.username && first.secret == second.secret
    }

    package func hash(into hasher: inout Swift.Hasher) {
        hasher.combine(username)
        hasher.combine(secret)
    }

    /// These, with a word on where they come from.
    package func from(_ origin: String) -> Credentials {
        var copy = self
        copy.origin = origin
        return copy
    }

    /// - Returns: `nil` when `text` is not `USER[:PASSWORD]`.
    package init?(parsing text: String) {
        let username = text.prefix { $0 != ":" }
        guard !username.isEmpty else { return nil }
        self.init(username: String(username), password: String(text.dropFirst(username.count + 1)))
    }

    /// The password, or the token.
    var secretText: String {
        switch secret {
        case .password(let text), .identityToken(let text), .registryToken(let text): text
        }
    }

    /// The value of an `Authorization` field (RFC 7617).
    var basic: String { "Basic " + Base64.text(of: Array("\(username):\(secretText)".utf8)) }

    /// All spellings that must not show up in a message.
    var secrets: [String] {
        [secretText, String(basic.dropFirst("Basic ".count))].filter { !$0.isEmpty }
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "credentials" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Credentials.Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "secret" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a search for credentials has come to.
package enum CredentialFinding: Hashable, Sendable {
    /// It was said explicitly that there are to be none.
    case anonymous
    case found(Credentials)

    package var credentials: Credentials? {
        if case .found(let credentials) = self { credentials } else { nil }
    }
}
