import ArgumentParser
import Content
import SystemPackage
import Transports

/// `esgz login [REGISTRY]`
struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Log in to a registry.",
        discussion: """
            Asks for what is not given: the user name, and the password without showing it. The registry is asked \
            whether it knows them; then they are kept by the credential helper that the file names for this registry, \
            else in the file itself, where everybody finds them who can read it.
            """)

    @Argument(
        help: ArgumentHelp(
            "The registry, such as ghcr.io, or a path of it, such as quay.io/team.",
            valueName: "registry"))
    var registry = "docker.io"

    @Option(name: [.short, .long], help: ArgumentHelp("Log in with this name.", valueName: "name"))
    var username: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            """
            Log in with this password. Everybody on this machine can read it in the list of processes; \
            --password-stdin is better.
            """, valueName: "password"))
    var password: String?

    @Flag(help: "Read the password from stdin.")
    var passwordStdin = false

    @OptionGroup(title: "Registry options") var connection: ConnectionOptions
    @OptionGroup var file: LoginOptions

    func validate() throws {
        guard !passwordStdin || password == nil else {
            throw ValidationError("--password and --password-stdin exclude each other")
        }
        guard !passwordStdin || username != nil else { throw ValidationError("--password-stdin: expected --username") }
    }

    func run() async throws {
        let login = RegistryLogin(to: try CredentialKey(parsing: registry), file.search)
        if password != nil {
            Terminal.say("warning: --password shows up in the list of processes; use --password-stdin")
        }
        let credentials = try await credentials()
        try await login.verify(
            credentials, over: try connection.makeNetwork(transfers: 1, ProgressRenderer(.none)),
            plainHTTP: connection.plainHTTP,
            usesTLSOnLoopback: connection.both.namesCertificates)
        let keeper = try await login.store(credentials)
        if case .file(let path) = keeper {
            Terminal.say(
                "warning: the password is kept in plain text in \(path); a credential helper would keep it better")
        }
        if let obstacle = login.obstacle {
            Terminal.say("warning: \(obstacle) has credentials for \(login.key) as well, and comes first")
        }
        try file.show(
            "logged in to \(login.key) as \(credentials.username)",
            [("registry", .string(login.key.description)), ("username", .string(credentials.username)), keeper.json])
    }

    private func credentials() async throws -> Credentials {
        var username = username
        if username == nil { username = try await StandardInput.answer(to: "Username: ", isSecret: false) }
        guard let username, !username.isEmpty, !username.contains(":") else { throw LoginInputFailure.username }
        var password = passwordStdin ? try StandardInput.all() : password
        if password == nil { password = try await StandardInput.answer(to: "Password: ", isSecret: true) }
        guard let password, !password.isEmpty else { throw LoginInputFailure.password }
        return Credentials(username: username, password: password)
    }
}

extension RegistryLogin.Keeper {
    fileprivate var json: (String, JSON) {
        switch self {
        case .helper(let program): ("helper", .string(program))
        case .file(let path): ("file", .string(path.string))
        }
    }
}

private enum LoginInputFailure: Failure {
    case username
    case password

    var kind: FailureKind { .usage }

    var description: String {
        switch self {
        case .username: "expected a user name, without a colon"
        case .password: "expected a password"
        }
    }
}
