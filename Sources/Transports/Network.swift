/// What all places of one run share: one pool of connections, the patience with failures, and the tokens.
package struct Network: Sendable {
    package let http: any HTTPExchanging
    package let retry: RetryPolicy
    package let logins: Logins
    /// Told in one line of what goes otherwise than the user may expect.
    package let warn: @Sendable (String) -> Void

    package init(
        _ http: any HTTPExchanging, retry: RetryPolicy = RetryPolicy(),
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.http = http
        self.retry = retry
        logins = Logins(over: http, retry: retry)
        self.warn = warn
    }
}
