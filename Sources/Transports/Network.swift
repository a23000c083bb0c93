/// What all places of one run share: one pool of connections, the patience with failures, and the tokens.
package struct Network: Sendable {
    package let http: any HTTPExchanging
    package let retry: RetryPolicy
    /// Told in one line of what goes otherwise than the user may expect.
    package let warn: @Sendable (String) -> Void
    package let logins: Logins
    /// Sent with each request to the registries that the user has named, and to nobody else.
    package let headers: HTTPHeaders
    /// What registries have said of themselves.
    let remarks: RegistryRemarks

    package init(
        _ http: any HTTPExchanging, retry: RetryPolicy = RetryPolicy(), headers: HTTPHeaders = HTTPHeaders(),
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.http = http
        self.retry = retry
        self.headers = headers
        self.warn = warn
        logins = Logins(over: http, retry: retry)
        remarks = RegistryRemarks(warn: warn)
    }
}
