/// What requests may do where; the `scope` of a token (Docker's token specification).
package struct TokenScope: Hashable, Sendable {
    /// Actions, such as `pull` and `push`, by resource, such as `repository:library/alpine`.
    private var actions: [String: Set<String>] = [:]

    /// Nothing but to be known.
    package static let none = TokenScope()

    package static func pull(_ repository: String) -> TokenScope {
        TokenScope(actions: ["repository:\(repository)": ["pull"]])
    }

    package static func push(_ repository: String) -> TokenScope {
        TokenScope(actions: ["repository:\(repository)": ["pull", "push"]])
    }

    package static func mount(from source: String, to repository: String) -> TokenScope {
        push(repository).union(pull(source))
    }

    private init(actions: [String: Set<String>] = [:]) {
        self.actions = actions
    }

    /// Reads the `scope` of a challenge; what is not of the form `type:name:actions` counts as nothing.
    init(parsing text: String) {
        for part in text.split(separator: " ").prefix(100) {
            guard let colon = part.lastIndex(of: ":"), part[..<colon].contains(":") else { continue }
            let names = part[part.index(after: colon)...].split(separator: ",").map(String.init)
            actions[String(part[..<colon]), default: []].formUnion(names)
        }
    }

    /// One text for each resource, such as `repository:library/alpine:pull`; always in the same order.
    package var texts: [String] {
        actions.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.sorted().joined(separator: ","))" }
    }

    func covers(_ other: TokenScope) -> Bool {
        other.actions.allSatisfy { actions[$0.key]?.isSuperset(of: $0.value) ?? $0.value.isEmpty }
    }

    func union(_ other: TokenScope) -> TokenScope {
        TokenScope(actions: actions.merging(other.actions) { $0.union($1) })
    }
}
