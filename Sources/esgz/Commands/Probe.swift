import ArgumentParser
import Content
import OCI
import SystemPackage
import Transports

/// `esgz probe REGISTRY/REPO`
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find out whether a registry keeps images lazy.",
        discussion: """
            Reads blobs the way the Stargz Snapshotter does, and pushes small ones in every way; what was pushed is \
            deleted again, as far as the registry allows it. Where pushing is denied, an image that is there is read. \
            The exit status is 0 when images from there can be lazy, and 6 when not.
            """)

    @Argument(
        help: ArgumentHelp(
            "The repository; its tag names an image to read where nothing is pushed.", valueName: "registry/repository")
    )
    var repository: String

    @Flag(help: "Push nothing; read an image that is there.")
    var readOnly = false

    @Option(help: ArgumentHelp("Mount a blob of this repository of the same registry.", valueName: "repository"))
    var mountFrom: String?

    @OptionGroup(title: "Registry options") var connection: ConnectionOptions
    @OptionGroup var credentials: CredentialOptions

    @OptionGroup var output: QuietOptions

    @Flag(help: "Print the result as JSON on stdout.")
    var json = false

    func validate() throws {
        guard !(readOnly && mountFrom != nil) else {
            throw ValidationError("--read-only and --mount-from exclude each other")
        }
    }

    func run() async throws {
        guard case .registry(let reference) = try ImageLocation(parsing: repository) else {
            throw NoRegistry(text: repository)
        }
        guard !isRegistryAlone else { throw NoRepository(text: repository) }
        // One request at a time, and nothing that is kept on disk.
        let options = TransportOptions(
            temporaryDirectory: "/", network: try connection.makeNetwork(transfers: 1, ProgressRenderer(.none)),
            plainHTTP: connection.plainHTTP, certificates: try connection.both.certificates,
            credentials: try credentials.choice(),
            usesTLSOnLoopback: connection.both.namesCertificates)
        let report = try await context(reference.description) {
            try await RegistryProbe(reference, mountingFrom: mountFrom, isReadOnly: readOnly, options).run()
        }
        try Terminal.printVerdict(json ? report.json.shownText : report.text)
        if !report.obstacles.isEmpty { throw ReportedFailure(status: .broken) }
    }
}

extension Probe {
    /// Whether a host was typed without a repository, which would be read as a repository of Docker Hub.
    fileprivate var isRegistryAlone: Bool {
        let name = repository.hasPrefix("docker://") ? repository.dropFirst("docker://".count) : repository[...]
        let host = name.prefix { $0 != ":" && $0 != "@" }
        return !name.contains("/") && (host == "localhost" || host.contains("."))
    }
}

private struct NoRepository: Failure {
    let text: String

    var kind: FailureKind { .usage }
    var description: String {
        "'\(text.printable)' is a registry without a repository; say which, such as \(text.printable)/app"
    }
}

private struct NoRegistry: Failure {
    let text: String

    var kind: FailureKind { .usage }
    var description: String { "expected a repository of a registry, not '\(text.printable)'" }
}
