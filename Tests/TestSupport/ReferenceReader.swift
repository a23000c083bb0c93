import Content
import EStargz
import SystemPackage

/// The Go program that reads layers with the library that snapshotters use; built once for all tests of a run.
package enum ReferenceReader {
    /// Whether it can be built here; in CI it must be.
    package static var isExpected: Bool { Command.isExpected("go") }

    private static let program = Task<FilePath, any Error> {
        let output = Command.repository.appending(".build/estargz-check")
        let build = try await Command.run(
            "go", ["build", "-o", output.string, "./Tests/ConformanceTests/estargz-check"],
            environment: ["GO111MODULE": "off", "GOPATH": "/usr/share/gocode"], in: Command.repository)
        guard build.status == 0 else { throw BadBlob("go build: \(build.errors)") }
        return output
    }

    /// What the reader finds wrong with a layer; empty when it finds nothing.
    package static func findings(in layer: ConvertedLayer) async throws -> String {
        let program = try await program.value
        return try await withTemporaryDirectory { directory in
            let path = directory.appending("layer")
            try write(layer.bytes, to: path)
            let check = try await Command.run(
                program.string, ["-blob", path.string, "-toc-digest", layer.built.tocDigest.description])
            return check.status == 0 ? "" : "status \(check.status): \(check.errors.prefix(4000))"
        }
    }
}
