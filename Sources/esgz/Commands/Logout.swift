import ArgumentParser
import Content
import Transports

/// `esgz logout [REGISTRY]`
struct Logout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Log out of a registry.",
        discussion: """
            Takes what esgz login has kept out of the credential helper and the file. Not to be logged in is no error.
            """)

    @Argument(
        help: ArgumentHelp(
            "The registry, such as ghcr.io, or a path of it, such as quay.io/team.",
            valueName: "registry"))
    var registry = "docker.io"

    @OptionGroup var file: LoginOptions

    func run() async throws {
        let login = RegistryLogin(to: try CredentialKey(parsing: registry), file.search)
        let wasThere = try await login.erase()
        if let remainder = login.remainder {
            Terminal.say("warning: \(remainder) still has credentials for \(login.key)")
        }
        try file.show(
            wasThere ? "logged out of \(login.key)" : "not logged in to \(login.key)",
            [("registry", .string(login.key.description)), ("wasLoggedIn", .bool(wasThere))])
    }
}
