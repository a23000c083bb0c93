import Archive
import Content
import OCI
import Profiles
import SystemPackage
import TestSupport

/// An image of layers that a test writes, and the profile that is told from it.
struct StaticTestImage {
    let image: ReadableImage

    /// - Parameters:
    ///   - layers: bottom first.
    ///   - entrypoint: what the image runs.
    ///   - command: comes behind it.
    ///   - environment: `NAME=VALUE` each.
    ///   - directory: where it runs.
    ///   - user: as whom.
    ///   - changes: fields of the configuration that are otherwise than those.
    /// - Throws: when the layers cannot be written to a temporary file.
    init(
        _ layers: Tar..., entrypoint: [String] = [], command: [String] = [],
        environment: [String] = ["PATH=/usr/local/bin:/usr/bin:/bin"], directory: String = "/", user: String = "",
        changes: [String: JSON] = [:]
    ) throws {
        let inflated = try layers.map { tar in
            let bytes = tar.bytes
            let digest = Digest(of: bytes)
            return try InflatedLayer(
                bytes, expecting: LayerIdentity(digest: digest, size: Int64(bytes.count), diffID: digest),
                limit: 1 << 30, in: FilePath("/tmp")
            ) { _ in }
        }
        func list(_ strings: [String]) -> JSON { .array(strings.map { .string($0) }) }
        var config = JSON.Object()
        config["Entrypoint"] = list(entrypoint)
        config["Cmd"] = list(command)
        config["Env"] = list(environment)
        config["WorkingDir"] = .string(directory)
        config["User"] = .string(user)
        for (name, value) in changes { config[name] = value }
        var root = JSON.Object()
        root["config"] = .object(config)
        var rootfs = JSON.Object()
        rootfs["diff_ids"] = list([])
        root["rootfs"] = .object(rootfs)
        image = ReadableImage(
            manifest: Digest(of: Array("image".utf8)),
            configuration: try ImageConfiguration(Document(.object(root))),
            tree: MergedTree(inflated.map(\.entries)), contents: InflatedContents(layers: inflated))
    }

    /// The paths that are told, in order.
    var paths: [String] {
        get async throws {
            try await StaticProfiler().profile(of: image).entries.map { entry in
                switch entry.item {
                case .path(let path): path.description
                case .pattern(let text): "pattern \(text)"
                }
            }
        }
    }
}

private struct InflatedContents: FileContents {
    let layers: [InflatedLayer]

    func bytes(of file: MergedTree.Place, in range: Range<Int64>) throws -> [UInt8] {
        let layer = layers[file.layer]
        return try layer.bytes(of: file.entry, in: range)
    }
}

/// A program: a file that may be executed.
func program(_ name: String, _ content: String) -> TarItem { file(name, content).mode(0o755) }

func program(_ name: String, _ elf: TinyELF) -> TarItem { file(name, elf.bytes).mode(0o755) }
