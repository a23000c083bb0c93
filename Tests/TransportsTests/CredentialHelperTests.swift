import Content
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Programs that keep credentials; here they are scripts of the shell.
@Suite(.timeLimit(.minutes(15)))
struct CredentialHelperTests {
    private static let user = CredentialFinding.found(Credentials(username: "user", password: "s3cret"))
    private static let key = CredentialKey(registry: "a.b")

    @Test(arguments: [
        ("credHelpers", #"{"credHelpers":{"a.b":"test"}}"#), ("credsStore", #"{"credsStore":"test"}"#),
        ("helper before store", #"{"credsStore":"missing","credHelpers":{"a.b":"test"}}"#),
        ("helper before entry", #"{"credsStore":"test","auths":{"a.b":{"auth":"eDp5"}}}"#),
        ("a key that is a URL", #"{"credHelpers":{"https://a.b/":"test"}}"#),
    ])
    func aHelperIsAsked(what: String, file: String) async throws {
        let script = #"[ "$1" = get ] && [ "$(cat)" = a.b ] && echo '{"Username":"user","Secret":"s3cret"}'"#
        #expect(try await Self.find(Self.key, file, script) == Self.user, "\(what)")
    }

    @Test func dockerHubHasTheNameThatDockerGivesIt() async throws {
        let script =
            #"[ "$(cat)" = https://index.docker.io/v1/ ] && echo '{"Username":"user","Secret":"s3cret","ServerURL":"x"}'"#
        for key in ["docker.io", "index.docker.io", "https://index.docker.io/v1/"] {
            let found = try await Self.find(
                CredentialKey(registry: "docker.io", path: "library/alpine"), #"{"credHelpers":{"\#(key)":"test"}}"#,
                script)
            #expect(found == Self.user)
        }
    }

    @Test(
        arguments: [
            (#"{"Username":"<token>","Secret":"id"}"#, .found(Credentials(username: "", .identityToken("id")))),
            // An explicit wish to stay anonymous, which ends the search.
            (#"{"Username":"","Secret":""}"#, .anonymous),
            (#"{"Username":"","Secret":"x"}"#, .anonymous),
        ] as [(String, CredentialFinding)])
    func theUserNameTellsWhatTheSecretIs(answer: String, expected: CredentialFinding) async throws {
        let file = #"{"credsStore":"test","auths":{"a.b":{"auth":"eDp5"}}}"#
        #expect(try await Self.find(Self.key, file, "cat >/dev/null; echo '\(answer)'") == expected)
    }

    @Test(arguments: ["", ">&2"])
    func aHelperThatHasNothingLeavesItToTheFile(stream: String) async throws {
        let script = "echo credentials not found in native keychain \(stream); exit 1"
        #expect(try await Self.find(Self.key, #"{"credsStore":"test"}"#, script) == nil)
        let file = #"{"credsStore":"test","auths":{"a.b":{"auth":"eDp5"}}}"#
        #expect(
            try await Self.find(Self.key, file, script) == .found(Credentials(username: "x", password: "y")))
    }

    @Test(arguments: [
        ("echo s3cret; printf 'locked \\033[31m\\n' >&2; exit 3", "failed to get with status 3: locked \u{fffd}[31m"),
        ("kill -9 $$", "was ended by signal 9"),
        ("echo s3cret", "expected the credential helper to answer with an object of Username and Secret"),
        (#"echo '{"Username":"user"}'"#, "expected the credential helper to answer"),
        (#"echo '{"Secret":"s3cret","Secret":"s3cret"}'"#, "expected the credential helper to answer"),
        ("yes s3cret", "to say at most 1048576 bytes"),
    ])
    func aHelperThatFailsIsNamedAndItsOutputNotShown(script: String, message: String) async throws {
        let failure = await #expect(throws: ContextualFailure.self) {
            try await Self.find(Self.key, #"{"credsStore":"test"}"#, script)
        }
        let text = failure?.description ?? ""
        #expect(text.contains(message), "\(text)")
        #expect(text.contains("docker-credential-test") && text.contains("config.json"), "\(text)")
        #expect(!text.contains("s3cret"))
    }

    @Test func aHelperThatIsNotInstalledIsNamedWithTheFile() async throws {
        let failure = await #expect(throws: ContextualFailure.self) {
            try await Self.find(Self.key, #"{"credsStore":"absent"}"#, "exit 1")
        }
        #expect(failure?.kind == .io)
        let text = failure?.description ?? ""
        #expect(
            text.contains("config.json: docker-credential-absent, the credential helper, is not in PATH"), "\(text)")
    }

    @Test func aHelperThatHangsIsGivenUp() async throws {
        try await Self.withHelper("exec sleep 1000") { _, variables in
            var helper = try CredentialHelper("test", variables: variables)
            helper.timeLimit = .milliseconds(200)
            let failure = await #expect(throws: CredentialFailure.self) { try await helper.get("a.b") }
            #expect(failure?.description.contains("has not answered within 0 s") == true)
        }
    }

    @Test func aHelperThatHangsKeepsNobodyWhoHasGivenUp() async throws {
        try await Self.withHelper("echo >\"$started\"; exec sleep 1000") { directory, variables in
            let started = directory.appending("started")
            try #require(mkfifo(started.string, 0o600) == 0)
            let helper = try CredentialHelper(
                "test", variables: variables.merging(["started": started.string]) { $1 })
            await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await helper.get("a.b") }
                    // Waits for the helper to write.
                    _ = try await onThread { try FileDescriptor.open(started, .readOnly).close() }
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func aSecretThatNoPipeHoldsIsRefused() async throws {
        try await Self.withHelper("exit 0") { _, variables in
            let helper = try CredentialHelper("test", variables: variables)
            let secret = String(repeating: "x", count: 70_000)
            let failure = await #expect(throws: CredentialFailure.self) {
                try await helper.store(Credentials(username: "user", password: secret), for: "a.b")
            }
            #expect(failure?.description == "expected at most 65536 bytes")
        }
    }

    @Test func aHelperMayLeaveItsInputUnread() async throws {
        let secret = String(repeating: "x", count: 30_000)
        try await Self.withHelper("exit 0") { _, variables in
            try await CredentialHelper("test", variables: variables)
                .store(Credentials(username: "user", password: secret), for: "a.b")
        }
    }

    @Test func aComplaintThatRepeatsTheSecretIsNotShown() async throws {
        try await Self.withHelper("cat >&2; exit 1") { _, variables in
            let helper = try CredentialHelper("test", variables: variables)
            let failure = await #expect(throws: CredentialFailure.self) {
                try await helper.store(Credentials(username: "user", password: "s3cret"), for: "a.b")
            }
            #expect(failure?.description.contains("s3cret") == false)
            #expect(failure?.description.contains("failed to store with status 1") == true)
        }
    }

    private static func find(
        _ key: CredentialKey, _ file: String, _ script: String
    ) async throws -> CredentialFinding? {
        try await withHelper(script) { directory, variables in
            try write(Array(file.utf8), to: directory.appending("config.json"))
            return try await CredentialSearch(file: directory.appending("config.json"), variables: variables).find(key)
        }
    }

    private static func withHelper<Result>(
        _ script: String, _ body: (FilePath, [String: String]) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            let program = directory.appending("docker-credential-test")
            try write(Array("#!/bin/sh\n\(script)\n".utf8), to: program)
            chmod(program.string, 0o755)
            return try await body(directory, ["PATH": "\(directory):/usr/bin:/bin"])
        }
    }
}
