extension HTTPExchanging {
    /// Sends a request; when it is redirected, it goes on to where the answer points.
    ///
    /// Other requests than GET and HEAD do so only where the answer says that they stay what they are, body and all.
    ///
    /// Registries redirect to storage services, which must not see the credentials of the registry (and which refuse a
    /// request that is authorised twice): `Authorization` stays behind as soon as scheme, host or port differ.
    package func sendFollowingRedirects(_ request: HTTPRequest) async throws -> HTTPResponse {
        let limit = 10
        var request = request
        for _ in 0...limit {
            let response = try await send(request)
            let isReading = request.method == .get || request.method == .head
            guard [307, 308].contains(response.status) || isReading && [301, 302, 303].contains(response.status),
                let location = response.headers["Location"]
            else { return response }
            let next = try request.url.following(location)
            if request.url.scheme == .https, next.scheme == .http {
                throw HTTPFailure.redirectWithoutTLS(from: request.url, to: next)
            }
            if !next.hasSameOrigin(as: request.url) { request.headers["Authorization"] = nil }
            request.url = next
        }
        throw HTTPFailure.tooManyRedirects(request.url, limit: limit)
    }
}
