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
        "{}", #"{"auths":null}"#, #"{"auths":{}}"#, #"{"auths":{"a.b":{}},"credsStore":"pass"}"#,
        #"{"auths":{"a.b:5000":{"auth":"eDp5"},"a.b/team":{"auth":"eDp5"},"xa.b":{"auth":"eDp5"}}}"#,
        #"{"auths":{"a.b":{"identitytoken":"t"}}}"#,
    ])
    func otherEntriesAreNotMeant(file: String) async throws {
        #expect(try await Self.read(file, "a.b") == nil)
    }

    @Test(arguments: [
        "", "[", #"{"auths":[]}"#, #"{"auths":{"a.b":{"auth":"c2VjcmV0"}}}"#, #"{"auths":{"a.b":{"auth":"!secret"}}}"#,
        #"{"auths":{"a.b":{"auth":"/////w=="}}}"#,
    ])
    func aMalformedFileIsNamedAndNotShown(file: String) async throws {
        let failure = await #expect(throws: ContextualFailure.self) { try await Self.read(file, "a.b") }
        #expect(failure?.kind == .invalid)
        #expect(failure?.description.contains("config.json") == true)
        #expect(failure?.description.contains("ecret") == false)
        #expect(failure?.description.contains("c2Vj") == false)
    }

    @Test func aFileThatIsNotThereHoldsNothing() throws {
        #expect(try CredentialFile(reading: "/nonexistent/config.json").credentials(for: "a.b") == nil)
    }

    @Test func credentialsDoNotPrint() {
        let credentials = Credentials(username: "user", password: "secret")
        var dumped = ""
        dump(credentials, to: &dumped)
        #expect(!"\(credentials) \(String(reflecting: credentials)) \(dumped)".contains("secret"))
    }

    @Test func base64IsItsOwnInverse() {
        for count in 0..<50 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count) }
            #expect(Base64.bytes(of: Base64.text(of: bytes)) == bytes)
        }
        #expect(Base64.text(of: Array("any carnal pleas".utf8)) == "YW55IGNhcm5hbCBwbGVhcw==")
    }

    private static func read(_ text: String, _ registry: String) async throws -> Credentials? {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("config.json")
            try write(Array(text.utf8), to: path)
            return try CredentialFile(reading: path).credentials(for: registry)
        }
    }
}
