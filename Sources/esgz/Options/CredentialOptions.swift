import ArgumentParser
import SystemPackage
import Transports

/// Who logs in to registries.
struct CredentialOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Log in to registries with this name and password. Everybody on this machine can read them in the list of \
            processes; --creds-stdin and esgz login are better.
            """, valueName: "user[:password]"))
    var creds: String?

    @Flag(help: "Read one line USER:PASSWORD from stdin, and log in with it.")
    var credsStdin = false

    @Option(help: ArgumentHelp("Send this bearer token to registries as it is.", valueName: "token"))
    var registryToken: String?

    @Flag(help: "Stay anonymous, whatever files with credentials say.")
    var noCreds = false

    @Option(
        help: ArgumentHelp(
            "Look for credentials in this file alone. (default: $REGISTRY_AUTH_FILE, else the files of Podman and Docker)",
            valueName: "file"))
    var authfile: String?

    func validate() throws { try both.validate() }

    /// How to come to credentials.
    func choice() throws -> CredentialChoice { try both.choice() ?? .search(CredentialSearch()) }

    private var both: EndCredentials {
        EndCredentials(
            prefix: "--", creds: creds, readsStandardInput: credsStdin, token: registryToken, isAnonymous: noCreds,
            file: authfile)
    }
}

/// Who logs in at one end. What is said of one end goes before what is said of both.
struct EndCredentialOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Log in with these to the source alone.", valueName: "user[:password]"))
    var srcCreds: String?

    @Option(
        name: [.customLong("dst-creds"), .customLong("dest-creds")],
        help: ArgumentHelp("Log in with these to the destinations alone.", valueName: "user[:password]"))
    var dstCreds: String?

    @Flag(help: "Read one line USER:PASSWORD from stdin for the source alone.")
    var srcCredsStdin = false

    @Flag(
        name: [.customLong("dst-creds-stdin"), .customLong("dest-creds-stdin")],
        help: "Read one line USER:PASSWORD from stdin for the destinations alone.")
    var dstCredsStdin = false

    @Option(help: ArgumentHelp("Send this bearer token to the source alone.", valueName: "token"))
    var srcRegistryToken: String?

    @Option(
        name: [.customLong("dst-registry-token"), .customLong("dest-registry-token")],
        help: ArgumentHelp("Send this bearer token to the destinations alone.", valueName: "token"))
    var dstRegistryToken: String?

    @Flag(help: "Stay anonymous at the source alone.")
    var srcNoCreds = false

    @Flag(
        name: [.customLong("dst-no-creds"), .customLong("dest-no-creds")],
        help: "Stay anonymous at the destinations alone.")
    var dstNoCreds = false

    @Option(help: ArgumentHelp("Look for those of the source in this file alone.", valueName: "file"))
    var srcAuthfile: String?

    @Option(
        name: [.customLong("dst-authfile"), .customLong("dest-authfile")],
        help: ArgumentHelp("Look for those of the destinations in this file alone.", valueName: "file"))
    var dstAuthfile: String?

    func validate() throws {
        for end in [source, destination] { try end.validate() }
        guard !srcCredsStdin || !dstCredsStdin else {
            throw ValidationError("--src-creds-stdin and --dst-creds-stdin exclude each other: there is one stdin")
        }
    }

    var usesStandardInput: Bool { srcCredsStdin || dstCredsStdin }

    /// How the source comes to its credentials; `nil` when nothing was said of it.
    func sourceChoice() throws -> CredentialChoice? { try source.choice() }

    /// How destinations come to their credentials; `nil` when nothing was said of them.
    func destinationChoice() throws -> CredentialChoice? { try destination.choice() }

    private var source: EndCredentials {
        EndCredentials(
            prefix: "--src-", creds: srcCreds, readsStandardInput: srcCredsStdin, token: srcRegistryToken,
            isAnonymous: srcNoCreds, file: srcAuthfile)
    }

    private var destination: EndCredentials {
        EndCredentials(
            prefix: "--dst-", creds: dstCreds, readsStandardInput: dstCredsStdin, token: dstRegistryToken,
            isAnonymous: dstNoCreds, file: dstAuthfile)
    }
}

/// What was said of one end, or of both.
private struct EndCredentials {
    let prefix: String
    let creds: String?
    let readsStandardInput: Bool
    let token: String?
    let isAnonymous: Bool
    let file: String?

    func validate() throws {
        let given = [
            ("creds", creds != nil), ("creds-stdin", readsStandardInput), ("registry-token", token != nil),
            ("no-creds", isAnonymous), ("authfile", file != nil),
        ].filter(\.1).map { prefix + $0.0 }
        guard given.count < 2 else {
            throw ValidationError("\(given[0]) and \(given[1]) exclude each other")
        }
        if let creds, Credentials(parsing: creds) == nil {
            throw ValidationError("\(prefix)creds: expected USER:PASSWORD")
        }
        if let token, token.isEmpty || !token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) {
            throw ValidationError("\(prefix)registry-token: expected printable characters")
        }
        guard file?.isEmpty != true else { throw ValidationError("\(prefix)authfile: expected a file") }
    }

    /// - Returns: `nil` when nothing was said.
    func choice() throws -> CredentialChoice? {
        if isAnonymous { return .anonymous }
        if let token {
            return .given(Credentials(username: "", .registryToken(token)).from("\(prefix)registry-token"))
        }
        if let file { return .search(CredentialSearch(file: FilePath(file))) }
        if readsStandardInput { return .given(try StandardInput.credentials.get().from("\(prefix)creds-stdin")) }
        return creds.flatMap { Credentials(parsing: $0) }.map { .given($0.from("\(prefix)creds")) }
    }
}
