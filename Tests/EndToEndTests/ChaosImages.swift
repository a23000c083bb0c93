import Content
import OCI
import SystemPackage
import TestSupport

/// Images of less than 1 MB in a layout, for tests that move them hundreds of times.
struct ChaosImages {
    static let names = ["single", "platforms"]
    /// What was under the tag before.
    static let old = "old"

    let layout: FilePath
    /// Nothing but the old image, as `tag`.
    let oldLayout: FilePath
    /// The digest of each image by its name.
    private(set) var digests: [String: String] = [:]
    /// What converting each of them gives, seen once in a calm run.
    private(set) var converted: [String: String] = [:]

    init(in directory: FilePath) async throws {
        layout = directory.appending("images")
        oldLayout = directory.appending("old")
        let oldLayer = try Self.layer("old", noise: 3_000)
        var oldBuilder = try LayoutBuilder(at: oldLayout)
        try oldBuilder.tag(try oldBuilder.putImage([oldLayer]), as: "tag")
        var builder = try LayoutBuilder(at: layout)
        let big = try Self.layer("big", noise: 350_000)
        let small = try Self.layer("small", noise: 900)
        // Nothing to convert, so it is mounted where that is possible.
        let statement = BuiltTestLayer(
            SeededGenerator(5).noise(200_000), diffID: Digest(of: []),
            type: MediaType("application/vnd.in-toto+json"))
        let text = try BuiltTestLayer(
            gzip: Tar { file("text", String(repeating: "all work and no play\n", count: 9_000)) }.bytes)

        let single = try builder.putImage([big, small, text])
        let platforms: [Descriptor] = try [("amd64", 100_000), ("arm64", 150_000)].map { architecture, size in
            let platform = Platform(os: "linux", architecture: architecture)
            var descriptor = try builder.putImage(
                [small, try Self.layer(architecture, noise: size)], platform: platform)
            descriptor.name(platform)
            return descriptor
        }
        var attestation = try builder.putImage([statement])
        attestation.name(Platform(os: "unknown", architecture: "unknown"))
        attestation.editAnnotations {
            $0[Annotation.referenceType] = "attestation-manifest"
            $0[Annotation.attestedDigest] = .string(platforms[0].digest.description)
        }
        let roots = [
            "single": single, "platforms": try builder.putIndex(platforms + [attestation]),
            Self.old: try builder.putImage([oldLayer]),
        ]
        for (name, root) in roots.sorted(by: { $0.key < $1.key }) {
            try builder.tag(root, as: name)
            digests[name] = root.digest.description
        }
        let calm = directory.appending("calm")
        for name in Self.names {
            let digest = try await convert(["oci:\(layout):\(name)", "oci:\(calm):\(name)"])
            converted[name] = digest
            _ = try await onThread { try StoredImage(layout: calm).parts(below: digest) }
        }
    }

    /// A layer with a file of bytes that do not compress.
    static func layer(_ name: String, noise size: Int) throws -> BuiltTestLayer {
        let seed = UInt64(name.utf8.reduce(0) { $0 * 31 + Int($1) })
        return try BuiltTestLayer(
            gzip: Tar {
                directory("etc")
                file("etc/\(name)", "hello from \(name)\n")
                file("noise-\(name)", SeededGenerator(seed).noise(size))
            }.bytes)
    }
}

extension Descriptor {
    /// Says what a manifest of an index is for.
    fileprivate mutating func name(_ platform: Platform) {
        json["platform"] = .object(JSON.Object())
        json["platform"]?["os"] = .string(platform.os)
        json["platform"]?["architecture"] = .string(platform.architecture)
    }
}

extension SeededGenerator {
    func noise(_ count: Int) -> [UInt8] {
        var generator = self
        return generator.bytes(count)
    }
}
