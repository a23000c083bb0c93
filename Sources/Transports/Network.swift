/// What all places of one run share: one pool of connections, the patience with failures, and the tokens.
package struct Network: Sendable {
    package let http: any HTTPExchanging
    package let retry: RetryPolicy
    /// Told in one line of what goes otherwise than the user may expect.
    package let warn: @Sendable (String) -> Void
    package let logins: Logins

    package init(
        _ http: any HTTPExchanging, retry: RetryPolicy = RetryPolicy(),
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.http = http
        self.retry = retry
        self.warn = warn
        logins = Logins(over: http, retry: retry)
    }
}
