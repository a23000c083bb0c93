import Content
import SystemPackage
import TestSupport
import Testing

@testable import Transports

struct CredentialTests {
    /// `user:pa:ss`
    private static let auth = "dXNlcjpwYTpzcw=="

    @Test(arguments: [
        ("registry.example", #"{"auths":{"registry.example":{"auth":"\#(auth)"}}}"#),
        ("registry.example", #"{"auths":{"https://registry.example/v1/":{"auth":"\#(auth)"}}}"#),
        ("registry.example", #"{"auths":{"http://Registry.Example":{"auth":"\#(auth)"}}}"#),
        ("localhost:5000", #"{"auths":{"localhost":{"auth":"eDp5"},"localhost:5000":{"auth":"\#(auth)"}}}"#),
        ("docker.io", #"{"auths":{"https://index.docker.io/v1/":{"auth":"\#(auth)"}}}"#),
        ("docker.io", #"{"auths":{"registry-1.docker.io":{"auth":"\#(auth)"}}}"#),
        ("docker.io", #"{"auths":{"docker.io":{"username":"user","password":"pa:ss"}}}"#),
        ("a.b", #"{"auths":{"https://a.b":{"auth":"eDp5"},"a.b":{"auth":"\#(auth)"}}}"#),
        ("a.b", #"{"auths":{"a.b":{"auth":"dXNlcjpwYTpzcwA="}}}"#),
    ])
    func anEntryIsFoundUnderEachOfItsNames(registry: String, file: String) async throws {
        #expect(try await Self.read(file, registry) == Credentials(username: "user", password: "pa:ss"))
    }

    @Test(arguments: [
        (#"{"auth":"\#(auth)","identitytoken":"id"}"#, Credentials(username: "user", .identityToken("id"))),
        (#"{"auth":"\#(auth)","identitytoken":""}"#, Credentials(username: "user", password: "pa:ss")),
        (#"{"identitytoken":"id"}"#, Credentials(username: "", .identityToken("id"))),
        (#"{"registrytoken":"rt","identitytoken":"id"}"#, Credentials(username: "", .registryToken("rt"))),
        (#"{"auth":"","username":"user","password":"pa:ss"}"#, Credentials(username: "user", password: "pa:ss")),
    ])
    func anEntryMayHoldATokenInPlaceOfAPassword(entry: String, expected: Credentials) async throws {
        #expect(try await Self.read(#"{"auths":{"a.b":\#(entry)}}"#, "a.b") == expected)
    }

    @Test(arguments: [
        ("a.b", "ns/app", "app"), ("a.b", "ns/other", "ns"), ("a.b", "nsx/app", "host"), ("a.b", "x/ns/app", "host"),
        ("docker.io", "library/alpine", "alpine"), ("docker.io", "library/busybox", "hub"),
        ("a.b", "ns", "ns"), ("a.b", "", "host"),
    ])
    func theMostSpecificKeyCounts(registry: String, repository: String, expected: String) async throws {
        let keys = [
            "a.b": "host", "a.b/ns": "ns", "a.b/ns/app": "app", "https://index.docker.io/v1/": "hub",
            "docker.io/library/alpine": "alpine",
        ]
        let entries = keys.map { #""\#($0)":{"username":"\#($1)","password":"secret"}"# }.joined(separator: ",")
        let found = try await Self.read(#"{"auths":{\#(entries)}}"#, registry, repository)
        #expect(found?.username == expected)
    }

    @Test(arguments: [
        "", " \n", "{}", #"{"auths":null}"#, #"{"auths":{}}"#, #"{"auths":{"a.b":{}},"credsStore":null}"#,
        #"{"auths":{"a.b":{}},"credsStore":"missing-program","credHelpers":{"a.b":""}}"#,
        #"{"auths":{"a.b:5000":{"auth":"eDp5"},"a.b/team":{"auth":"eDp5"},"xa.b":{"auth":"eDp5"}}}"#,
        #"{"auths":{"a.b":{"auth":"","identitytoken":""},"https://a.b/ns":{"auth":"eDp5"}}}"#,
    ])
    func otherEntriesAreNotMeant(file: String) async throws {
        #expect(try await Self.read(file, "a.b") == nil)
    }

    @Test(arguments: [
        "[", "[]", #"{"auths":[]}"#, #"{"credHelpers":7}"#, #"{"credHelpers":{"a.b":7}}"#, #"{"credsStore":["ecret"]}"#,
        #"{"credsStore":"../bin/x"}"#, #"{"credHelpers":{"a.b":"/bin/sh"}}"#, #"{"auths":{"a.b":{"auth":"c2VjcmV0"}}}"#,
        #"{"auths":{"a.b":{"auth":"!secret"}}}"#,
        #"{"auths":{"a.b":{"auth":"/////w=="}}}"#,
    ])
    func aMalformedFileIsNamedAndNotShown(file: String) async throws {
        let failure = await #expect(throws: ContextualFailure.self) { try await Self.read(file, "a.b") }
        #expect(failure?.kind == .invalid)
        #expect(failure?.description.contains("config.json") == true)
        #expect(failure?.description.contains("ecret") == false)
        #expect(failure?.description.contains("c2Vj") == false)
    }

    @Test(arguments: ["/nonexistent/config.json", "/dev/null/config.json"])
    func aFileThatIsNotThereHoldsNothing(path: String) throws {
        #expect(try CredentialFile(reading: FilePath(path)) == nil)
    }

    @Test func aFileWithoutEndIsRefused() throws {
        let failure = #expect(throws: ContextualFailure.self) { try CredentialFile(reading: "/dev/zero") }
        #expect(failure?.description == "/dev/zero: expected at most 4194304 bytes")
    }

    @Test func theFileOfOldDockersHoldsNothingButEntries() async throws {
        let text = #"{"https://a.b/v1/":{"auth":"\#(Self.auth)"}}"#
        let file = try CredentialFile(parsing: Array(text.utf8), name: ".dockercfg", isLegacy: true)
        #expect(
            try await file.find(CredentialKey(registry: "a.b"))
                == .found(Credentials(username: "user", password: "pa:ss")))
    }

    @Test(arguments: [
        ("ghcr.io", "ghcr.io"), ("https://ghcr.io", "ghcr.io"), ("http://Ghcr.io/v2/", "ghcr.io"),
        ("docker.io", "docker.io"), ("https://index.docker.io/v1/", "docker.io"), ("localhost:5000", "localhost:5000"),
        ("registry-1.docker.io", "docker.io"), ("quay.io/team", "quay.io/team"),
        ("quay.io/team/app/", "quay.io/team/app"),
        ("[::1]:5000", "[::1]:5000"), ("a.b:443", "a.b:443"), ("myhost", "myhost"),
    ])
    func whatIsLoggedInToIsReadAsPeopleWriteIt(text: String, expected: String) throws {
        #expect(try CredentialKey(parsing: text).text == expected)
    }

    @Test(arguments: [
        "", "https://", "user:secret@a.b", "https://user:secret@a.b", "a.b/UP", "a.b//x", "a.b/x:tag", "a b",
        "ftp://a.b",
    ])
    func whatNamesNoRegistryIsRefused(text: String) throws {
        let failure = #expect(throws: CredentialFailure.self) { try CredentialKey(parsing: text) }
        #expect(failure?.kind == .usage)
        #expect(failure?.description.contains("secret") == false)
    }

    @Test func credentialsDoNotPrint() {
        for secret in [Credentials.Secret.password("hidden"), .identityToken("hidden"), .registryToken("hidden")] {
            let credentials = Credentials(username: "user", secret)
            var dumped = ""
            dump(CredentialFinding.found(credentials), to: &dumped)
            dump(CredentialChoice.given(credentials), to: &dumped)
            dump(secret, to: &dumped)
            let texts = "\(credentials) \(secret) \(CredentialChoice.given(credentials))"
            #expect(
                !"\(texts) \(String(reflecting: credentials)) \(String(reflecting: secret)) \(dumped)".contains(
                    "hidden"))
        }
    }

    @Test func base64IsItsOwnInverse() {
        for count in 0..<50 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count) }
            #expect(Base64.bytes(of: Base64.text(of: bytes)) == bytes)
        }
        #expect(Base64.text(of: Array("any carnal pleas".utf8)) == "YW55IGNhcm5hbCBwbGVhcw==")
    }

    private static func read(_ text: String, _ registry: String, _ path: String = "") async throws -> Credentials? {
        try await withTemporaryDirectory { directory in
            let file = directory.appending("config.json")
            try write(Array(text.utf8), to: file)
            return try await CredentialFile(reading: file)?.find(CredentialKey(registry: registry, path: path))?
                .credentials
        }
    }
}
