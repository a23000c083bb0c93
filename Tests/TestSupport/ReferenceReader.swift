import Content
import EStargz
import SystemPackage

/// The Go program that reads layers with the library that snapshotters use; built once for all tests of a run.
package enum ReferenceReader {
    /// Whether it can be built here; in CI it must be.
    package static var isExpected: Bool { Command.isExpected("go") }

    /// What the reader finds wrong with a layer; empty when it finds nothing.
    ///
    /// - Parameters:
    ///   - layer: what our writer made.
    ///   - first: cleaned names of what has to come before the landmark, if that is to be checked.
    /// - Returns: the findings, a line each.
    /// - Throws: when the program cannot be built or started.
    package static func findings(in layer: ConvertedLayer, first: [String]? = nil) async throws -> String {
        let program = try await Fixture.referenceReader.path
        return try await withTemporaryDirectory { directory in
            let path = directory.appending("layer")
            try write(layer.bytes, to: path)
            var arguments = ["-blob", path.string, "-toc-digest", layer.built.tocDigest.description]
            if let first {
                try write(Array(first.joined(separator: "\n").utf8), to: directory.appending("first"))
                arguments += ["-first", directory.appending("first").string]
            }
            let check = try await Command.run(program.string, arguments)
            return check.status == 0 ? "" : "status \(check.status): \(check.errors.prefix(4000))"
        }
    }
}
