import Content
import FoundationEssentials
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Directories of one test: a source layout, a destination, and one for temporary files.
struct Workplace {
    let directory: FilePath

    var source: FilePath { directory.appending("source") }
    var destination: FilePath { directory.appending("destination") }
    var temporary: FilePath { directory.appending("tmp") }

    init(in directory: FilePath) throws {
        self.directory = directory
        for name in ["tmp", "docker"] {
            try FileManager.default.createDirectory(
                atPath: directory.appending(name).string, withIntermediateDirectories: true)
        }
    }

    /// Runs the release binary. What the user of the machine has configured does not matter.
    func esgz(_ arguments: [String], environment: [String: String] = [:]) async throws -> Command {
        try requireBinary()
        return try await Command.run(
            Command.esgz, arguments, environment: self.environment.merging(environment) { $1 }, in: directory)
    }

    /// `esgz convert` from the source layout to the destination layout, with further arguments.
    func convert(
        from tag: String = "latest", to destination: String? = nil, _ arguments: String...
    ) async throws -> Command {
        try await esgz(
            [
                "convert", "oci:\(source):\(tag)", destination ?? "oci:\(self.destination):new", "--tmp-dir",
                temporary.string,
            ] + arguments)
    }

    /// Runs a script of the shell, in which `$esgz`, `$source`, `$destination` and `$tmp` are set.
    func shell(_ script: String, environment changes: [String: String] = [:]) async throws -> Command {
        try requireBinary()
        let variables = [
            "esgz": Command.esgz, "source": "oci:\(source):latest", "destination": "oci:\(destination):new",
            "tmp": temporary.string,
        ]
        return try await Command.run(
            "/bin/bash", ["-c", script], environment: environment.merging(variables) { $1 }.merging(changes) { $1 },
            in: directory)
    }

    private var environment: [String: String] {
        let home = directory.appending("home").string
        return [
            "CONTAINERS_REGISTRIES_CONF": "/dev/null", "DOCKER_CONFIG": directory.appending("docker").string,
            "TMPDIR": temporary.string, "LC_ALL": "C",
            "HOME": home, "XDG_RUNTIME_DIR": "\(home)/run", "XDG_CONFIG_HOME": "\(home)/.config",
            "DOCKER_AUTH_CONFIG": "", "REGISTRY_AUTH_FILE": "",
        ]
    }

    private func requireBinary() throws {
        guard access(Command.esgz, X_OK) == 0 else {
            throw MissingBinary(description: "no \(Command.esgz); build it: swift build -c release --product esgz")
        }
    }

    /// The digest that a tag of the destination stands for.
    func published(_ tag: String = "new") throws -> String? {
        let index = destination.appending("index.json")
        guard access(index.string, F_OK) == 0 else { return nil }
        let manifests = try JSON(parsing: FileSlice(opening: index).bytes())["manifests"]?.array ?? []
        return manifests.first { $0["annotations"]?["org.opencontainers.image.ref.name"]?.string == tag }?["digest"]?
            .string
    }

    /// Expects that a command failed in the way that all failures have in common: one line that says what went wrong,
    /// nothing on stdout, no temporary file, no tag, nothing half-written.
    func expectFailure(
        _ command: Command, _ status: Int32, saying needles: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(command.status == status, "\(command.errors)", sourceLocation: sourceLocation)
        let errors = command.errors.split(separator: "\n").filter { $0.hasPrefix("error:") }
        #expect(errors.count == 1, "\(command.errors)", sourceLocation: sourceLocation)
        for needle in needles {
            #expect(
                errors.first?.contains(needle) == true, "\(needle): \(command.errors)", sourceLocation: sourceLocation)
        }
        #expect(command.output.isEmpty, sourceLocation: sourceLocation)
        try expectNothingLeft(sourceLocation: sourceLocation)
    }

    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try names(below: temporary) == [], sourceLocation: sourceLocation)
        #expect(try published() == nil, sourceLocation: sourceLocation)
        let left = access(destination.string, F_OK) == 0 ? try names(below: destination) : []
        #expect(!left.contains { $0.contains(".esgz-") }, "\(left)", sourceLocation: sourceLocation)
    }
}

/// Runs `body` in a workplace of its own, whose source has one image with one small layer.
func withWorkplace<Result>(
    _ layers: [TinyLayer]? = nil, isolation: isolated (any Actor)? = #isolation,
    _ body: (Workplace, inout TinyLayout) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let workplace = try Workplace(in: directory)
        var layout = try TinyLayout(at: workplace.source)
        try layout.add(try layers ?? [TinyLayer(.motd())])
        return try await body(workplace, &layout)
    }
}

private struct MissingBinary: Error, CustomStringConvertible {
    let description: String
}
