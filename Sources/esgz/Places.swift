import Conversion
import OCI
import SystemPackage
import Transports

/// Source and destinations of a command, as typed, and how to reach them.
struct Places {
    /// How help describes them.
    static let help = """
        SRC and DST are docker://REFERENCE, a bare reference as docker pull reads it, oci:DIR[:TAG], \
        oci-archive:FILE[:TAG], docker-archive:FILE[:NAME] or docker-daemon:NAME. FILE may be - for standard input or \
        output. The digest of the result is printed on stdout, or on stderr where the image goes to stdout.
        """

    let source: ImageLocation
    let destinations: [ImageLocation]
    let temporaryDirectory: FilePath
    private let additionalTags: [String]
    private let registry: RegistryOptions
    private let network: Network

    /// - Throws: when a location is malformed, stdin is wanted for two things, or temporary files cannot be made.
    init(_ transfer: TransferOptions, _ renderer: ProgressRenderer) throws {
        source = try ImageLocation(source: transfer.source)
        destinations = try transfer.naming.locations(transfer.destinations, source: source)
        try destinations.checkArchivesDiffer()
        guard !source.isStandardStream || !transfer.registry.usesStandardInput else {
            throw StandardInput.TakenTwice()
        }
        temporaryDirectory = try transfer.work.temporaryDirectory()
        additionalTags = transfer.naming.additionalTags
        registry = transfer.registry
        network = try registry.makeNetwork(transfers: transfer.work.jobs, renderer)
    }

    /// An image that is read alone.
    ///
    /// - Throws: when the location is malformed, stdin is wanted for two things, or temporary files cannot be made.
    init(
        reading source: String, _ registry: RegistryOptions, _ work: WorkOptions, _ renderer: ProgressRenderer
    ) throws {
        self.source = try ImageLocation(source: source)
        destinations = []
        additionalTags = []
        guard !self.source.isStandardStream || !registry.usesStandardInput else {
            throw StandardInput.TakenTwice()
        }
        temporaryDirectory = try work.temporaryDirectory()
        self.registry = registry
        network = try registry.makeNetwork(transfers: work.jobs, renderer)
    }

    func openSource() throws -> any ImageSource {
        try source.openSource(try registry.source(network, temporaryDirectory: temporaryDirectory))
    }

    func openDestinations() throws -> [Destination] {
        let options = try registry.destination(network, temporaryDirectory: temporaryDirectory)
        return try destinations.map { location in
            Destination(location, try location.openDestination(options, additionalTags: additionalTags))
        }
    }
}
