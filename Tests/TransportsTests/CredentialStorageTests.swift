import Content
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Files that logins are written to.
struct CredentialStorageTests {
    @Test func ofSeveralLoginsAtATimeNoneGetsLost() async throws {
        try await withTemporaryDirectory { directory in
            let file = directory.appending("new/auth.json")
            let keys = (0..<50).map { CredentialKey(registry: "r\($0).example") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for key in keys {
                    group.addTask {
                        let login = RegistryLogin(to: key, CredentialSearch(file: file))
                        _ = try await login.store(Credentials(username: "user", password: key.registry))
                    }
                }
                try await group.waitForAll()
            }
            let written = try #require(try CredentialFile(reading: file))
            for key in keys { #expect(try written.hasEntry(for: key)) }
            #expect(file.removingLastComponent().sortedNames == [".", "..", "auth.json"])
        }
    }

    @Test(arguments: [S_IFIFO, S_IFDIR])
    func onlyAFileIsReplaced(type: mode_t) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("odd")
            try #require((type == S_IFDIR ? mkdir(path.string, 0o700) : mkfifo(path.string, 0o600)) == 0)
            let login = RegistryLogin(to: CredentialKey(registry: "a.b"), CredentialSearch(file: path))
            let failure = await #expect(throws: CredentialFailure.self) {
                _ = try await login.store(Credentials(username: "user", password: "s3cret"))
            }
            #expect(failure?.description == "\(path): expected a file, which credentials can be written to")
            #expect(failure?.kind == .io)
            #expect(try path.stat().type != .regular)
        }
    }
}
