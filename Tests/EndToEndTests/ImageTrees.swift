import Foundation
import SystemPackage
import TestSupport
import Testing

/// Converts with the release binary, and expects it to say nothing but the digest.
@discardableResult
func convert(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
    let result = try await Command.run(Command.esgz, ["convert", "--quiet"] + arguments, environment: environment)
    try #require(result.status == 0, "\(result.errors)")
    #expect(result.errors == "")
    return String(result.output.dropLast())
}

/// Has the reference library open, verify and read every layer of an image in a layout.
func expectReferenceReaderAccepts(_ layout: FilePath, tag: String) async throws {
    let reader = try await Fixture.referenceReader.path
    let result = try await Command.run(reader.string, ["-all", layout.string, tag])
    #expect(result.status == 0, "\(result.errors)\(result.output)")
}

/// Unpacks both images with umoci, and compares the trees: owners, modes, times, contents, links, attributes.
func expectEqualTrees(_ source: String, _ converted: String, in directory: FilePath) async throws {
    for (image, name) in [(source, "source"), (converted, "converted")] {
        let result = try await Command.run(
            "umoci",
            ["unpack", "--image", image, directory.appending(name).string]
                + (getuid() == 0 ? [] : ["--rootless"]))
        try #require(result.status == 0, "\(result.errors)")
    }
    let result = try await Command.run(
        Command.repository.appending("Tests/ConformanceTests/tree-compare").string,
        ["source", "converted"].map { directory.appending($0).appending("rootfs").string })
    #expect(result.status == 0, "\(result.output)\(result.errors)")
}

/// The layers of a layout's only image with this tag: media types, digests, annotations.
func layers(of layout: FilePath, tag: String) async throws -> [[String: Any]] {
    let result = try await Command.run("skopeo", ["inspect", "--raw", "oci:\(layout):\(tag)"])
    let manifest = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    return try #require(manifest?["layers"] as? [[String: Any]])
}

/// Runs `body` with a registry that ends with it.
func withRegistry(
    user: (name: String, password: String)? = nil, _ body: (LocalRegistry, FilePath) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let registry = try LocalRegistry(in: directory, user: user)
        defer { registry.stop() }
        try await body(registry, directory)
    }
}
