import Content
import EStargz
import SystemPackage

/// The Go program that reads layers with the library that snapshotters use; built once for all tests of a run.
package enum ReferenceReader {
    /// Whether it can be built here; in CI it must be.
    package static var isExpected: Bool { Command.isExpected("go") }

    /// What the reader finds wrong with a layer; empty when it finds nothing.
    package static func findings(in layer: ConvertedLayer) async throws -> String {
        let program = try await Fixture.referenceReader.path
        return try await withTemporaryDirectory { directory in
            let path = directory.appending("layer")
            try write(layer.bytes, to: path)
            let check = try await Command.run(
                program.string, ["-blob", path.string, "-toc-digest", layer.built.tocDigest.description])
            return check.status == 0 ? "" : "status \(check.status): \(check.errors.prefix(4000))"
        }
    }
}
