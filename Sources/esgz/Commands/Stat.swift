import Archive
import ArgumentParser
import Content
import Inspection
import OCI

/// `esgz stat IMAGE PATH…`
struct Stat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show all that is known of files of an image, without pulling it.",
        discussion: "Symbolic links are shown, not followed.")

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Argument(help: ArgumentHelp("Files and directories of the image.", valueName: "path"))
    var paths: [String]

    @OptionGroup var options: LookOptions

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let image = try await look.open(image)
            var results: [JSON] = []
            for path in paths {
                let (node, tree) = try await look.find(path, in: image, named: self.image, followsLast: false)
                var json = EntryReport(node, in: tree).json
                if let file = node.file {
                    json["layerDigest"] = .string(image.image.manifest.layers[file.layer].digest.description)
                    if case .regular(let size) = tree.kind(of: node) {
                        json["digest"] = .string(try await image.digest(of: file, size: size).description)
                    }
                    json["chunks"] = try await image.chunkCount(of: file).map(JSON.integer)
                }
                results.append(json)
            }
            try options.json ? Terminal.print(.array(results)) : show(results)
        }
    }

    /// A line for each member, and an empty one between files.
    private func show(_ results: [JSON]) throws {
        let blocks = results.map { result in
            let rows = (result.object?.members ?? []).flatMap { member -> [[String]] in
                if let attributes = member.value.object {
                    return attributes.members.map { [member.key, "\($0.key) = \($0.value.string ?? "")".escaped] }
                }
                return [
                    [member.key, (member.value.string ?? String(decoding: member.value.text, as: UTF8.self)).escaped]
                ]
            }
            return Table.text(rows)
        }
        try Terminal.print(blocks.joined(separator: "\n\n"))
    }
}
