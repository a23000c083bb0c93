/// What all places of one run share: one pool of connections, the patience with failures, and the tokens.
package struct Network: Sendable {
    package let http: any HTTPExchanging
    package let retry: RetryPolicy
    package let logins: Logins

    package init(_ http: any HTTPExchanging, retry: RetryPolicy = RetryPolicy()) {
        self.http = http
        self.retry = retry
        logins = Logins(over: http, retry: retry)
    }
}
