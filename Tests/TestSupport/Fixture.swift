import Glibc
import SystemPackage

/// Real images and foreign programs that are made once, below `.build`, and used by all tests and later runs.
package actor Fixture {
    /// A Debian userland from single packages: hard links, whiteouts, extended attributes (`Fixtures/make`).
    package static let debian = Fixture("debian", made: ["Fixtures/make"])
    /// A bootstrapped Debian with Python, NumPy, SciPy and pandas (`Fixtures/make-python`); needs root.
    package static let science = Fixture("science", made: ["Fixtures/make-python", "--science"])
    /// Our own program over the reference library, which checks a converted image.
    package static let referenceReader = Fixture(
        "estargz-check", goProgram: "./Tests/ConformanceTests/estargz-check")
    /// The real snapshotter.
    package static let snapshotter = Fixture(
        "stargz-snapshotter", goProgram: "Tests/EndToEndTests/stargz-snapshotter/main.go")
    /// The real Stargz Store, from which Podman takes layers.
    package static let store = Fixture("stargz-store", goProgram: "Tests/EndToEndTests/stargz-store/main.go")

    private let name: String
    private let command: [String]
    private let environment: [String: String]
    private var making: Task<FilePath, any Error>?

    private init(_ name: String, made command: [String]) {
        self.name = name
        self.command = command
        environment = [:]
    }

    private init(_ name: String, goProgram source: String) {
        self.name = name
        // Debian's libraries, from its packages alone.
        command = ["go", "build", "-o", Self.directory.appending(name).string, source]
        environment = ["GO111MODULE": "off", "GOPATH": "/usr/share/gocode"]
    }

    private static var directory: FilePath { Command.repository.appending(".build/fixtures") }

    /// Where it is; made first if need be. Go programs are built anew in each run, since their source may have changed.
    package var path: FilePath {
        get async throws {
            if let making { return try await making.value }
            let task = Task { try await make() }
            making = task
            return try await task.value
        }
    }

    private func make() async throws -> FilePath {
        let path = Self.directory.appending(name)
        if environment.isEmpty, access(path.appending("index.json").string, F_OK) == 0 { return path }
        mkdir(Self.directory.string, 0o755)
        let program = command[0].contains("/") ? Command.repository.appending(command[0]).string : command[0]
        let arguments = Array(command.dropFirst()) + (environment.isEmpty ? [path.string] : [])
        let result = try await Command.run(
            program, arguments, environment: environment, in: Command.repository)
        guard result.status == 0 else { throw FixtureFailure(description: "\(command): \(result.errors)") }
        return path
    }
}

private struct FixtureFailure: Error, CustomStringConvertible {
    let description: String
}
