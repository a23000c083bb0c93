/// Adds what is configured for one place to the requests that go there, and to no others.
///
/// Redirects and token servers pass through here too: they see nothing of it unless they are that place.
struct EndpointExchange: HTTPExchanging {
    let endpoint: Endpoint
    /// What holds for whatever hosts a request ends up at; `nil` for what was said of all requests.
    var certificates: HostCertificates?
    let next: any HTTPExchanging
    let remarks: RegistryRemarks

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        var request = request
        request.general = certificates
        guard request.url.hasSameOrigin(as: endpoint.origin) else { return try await next.send(request) }
        request.certificates = endpoint.certificates
        let own = request.headers
        for (name, value) in endpoint.headers.fields where own[name] == nil {
            request.headers.append(name, value)
        }
        // containerd's mirrors serve several registries, and tell them apart by this.
        if let namespace = endpoint.namespace, request.url.target.hasPrefix(endpoint.path) {
            request.url = request.url.appending("ns", namespace)
        }
        let response = try await next.send(request)
        remarks.note(response, to: request, hiding: endpoint.headers.secrets)
        return response
    }
}
