extension HTTPExchanging {
    /// Sends a request; a GET or HEAD that is redirected goes on to where the answer points.
    ///
    /// Registries redirect to storage services, which must not see the credentials of the registry (and which refuse a
    /// request that is authorised twice): `Authorization` stays behind as soon as scheme, host or port differ.
    package func sendFollowingRedirects(_ request: HTTPRequest) async throws -> HTTPResponse {
        let limit = 10
        var request = request
        for _ in 0...limit {
            let response = try await send(request)
            guard request.method == .get || request.method == .head,
                [301, 302, 303, 307, 308].contains(response.status),
                let location = response.headers["Location"]
            else { return response }
            let next = try request.url.resolving(location)
            if request.url.scheme == .https, next.scheme == .http {
                throw HTTPFailure.redirectWithoutTLS(from: request.url, to: next)
            }
            if !next.hasSameOrigin(as: request.url) { request.headers["Authorization"] = nil }
            request.url = next
        }
        throw HTTPFailure.tooManyRedirects(request.url, limit: limit)
    }
}
