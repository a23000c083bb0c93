import Testing

@testable import Transports

struct HTTPURLTests {
    @Test(arguments: [
        ("https://Example.COM", "https://example.com/"),
        ("HTTP://localhost:5000/v2/?a=b#c", "http://localhost:5000/v2/?a=b"),
        ("https://host:443/x", "https://host/x"),
        ("http://[::1]:5000/", "http://[::1]:5000/"),
        ("https://host?a", "https://host/?a"),
        ("https://host/a b/ü", "https://host/a%20b/%C3%BC"),
    ])
    func aURLIsNormalised(text: String, expected: String) throws {
        #expect(try HTTPURL(parsing: text).text == expected)
    }

    @Test(arguments: [
        "", "host/path", "ftp://host/", "https://", "https:///path", "https://user:secret@host/", "https://host:0/",
        "https://host:65536/", "https://host:+1/", "https://ho st/", "https://host/\r\nX: y", "https://[::1/",
        "https://a:b:1/",
        "file:///etc/passwd", "https://host\u{0}/", "https://user:secret?x@host/", "secret#x@host",
        "https://secret\(String(repeating: "x", count: 300))@host/",
    ])
    func whatIsNoURLIsRefusedWithoutShowingSecrets(text: String) {
        let failure = #expect(throws: URLFailure.self) { try HTTPURL(parsing: text) }
        #expect(failure.map { "\($0)".contains("secret") } == false)
    }

    @Test(arguments: [
        ("/other?x=1", "https://host/other?x=1"),
        ("https://else/x", "https://else/x"),
        ("//else:8443/x", "https://else:8443/x"),
        ("?state=1", "https://host/v2/a/uploads/?state=1"),
        ("5a?state=http://x", "https://host/v2/a/uploads/5a?state=http://x"),
        ("", "https://host/v2/a/uploads/"),
    ])
    func aLocationIsJoinedToTheURLThatGaveIt(location: String, expected: String) throws {
        let base = try HTTPURL(parsing: "https://host/v2/a/uploads/?old=1")
        #expect(try base.resolving(location).text == expected)
    }

    @Test(arguments: [
        ("https://h/u", "https://h/u?digest=sha256%3Aab"),
        ("https://h/u?_state=a%3D%3D", "https://h/u?_state=a%3D%3D&digest=sha256%3Aab"),
        ("https://h/u?", "https://h/u?digest=sha256%3Aab"),
    ])
    func aParameterIsAddedAndTheRestStays(url: String, expected: String) throws {
        #expect(try HTTPURL(parsing: url).appending("digest", "sha256:ab").text == expected)
    }

    @Test func aMessageShowsNoQuery() throws {
        #expect(try HTTPURL(parsing: "https://h/a?X-Signature=secret").description == "https://h/a?…")
    }

    @Test(arguments: [
        ("https://docker.io", false), ("https://localhost:5000", true), ("https://127.0.0.1", true),
        ("https://127.9.9.9:1", true), ("https://127.example.com", false), ("https://[::1]:5000", true),
        ("https://127.0.0.1.example.com", false), ("https://[::2]", false),
    ])
    func loopbackIsThisMachineOnly(url: String, expected: Bool) throws {
        #expect(try HTTPURL(parsing: url).isLoopback == expected)
    }

    @Test(arguments: [
        ("docker.io", false, "https://registry-1.docker.io/"), ("localhost:5000", false, "http://localhost:5000/"),
        ("registry.example", false, "https://registry.example/"),
        ("registry.example", true, "http://registry.example/"),
    ])
    func theRegistryDecidesTheScheme(registry: String, plainHTTP: Bool, expected: String) throws {
        let origin = try RegistryClient.origin(of: registry, plainHTTP: plainHTTP, certificateDirectories: [])
        #expect(origin.text == expected)
    }
}
