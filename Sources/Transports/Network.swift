/// What all places of one run share: one pool of connections, and the patience with failures.
package struct Network: Sendable {
    package let http: any HTTPExchanging
    package let retry: RetryPolicy

    package init(_ http: any HTTPExchanging, retry: RetryPolicy = RetryPolicy()) {
        self.http = http
        self.retry = retry
    }
}
