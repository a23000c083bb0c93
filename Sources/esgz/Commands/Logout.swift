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
            "The registry, such as ghcr.io, or a path of it, such as quay.io/team. (default: docker.io)",
            valueName: "registry"))
    var registry: String?

    @Flag(help: "Log out of all registries.")
    var all = false

    @OptionGroup var file: LoginOptions

    func validate() throws {
        guard !all || registry == nil else { throw ValidationError("--all and a registry exclude each other") }
    }

    func run() async throws {
        if all { return try await logOutOfAll() }
        let registry = registry ?? "docker.io"
        let login = RegistryLogin(to: try CredentialKey(parsing: registry), file.search)
        let wasThere = try await login.erase()
        if let remainder = login.remainder {
            Terminal.say("warning: \(remainder) still has credentials for \(login.key)")
        }
        try file.show(
            wasThere ? "logged out of \(login.key)" : "not logged in to \(login.key)",
            [("registry", .string(login.key.description)), ("wasLoggedIn", .bool(wasThere))])
    }

    private func logOutOfAll() async throws {
        let names = try await RegistryLogin.eraseAll(file.search).map(\.description)
        try file.show(
            names.isEmpty ? "not logged in to any registry" : "logged out of \(names.joined(separator: ", "))",
            [("registries", .array(names.map { .string($0) }))])
    }
}
