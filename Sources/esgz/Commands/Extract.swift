import Archive
import ArgumentParser
import Content
import Inspection
import SystemPackage
import Unpacking

/// `esgz extract IMAGE PATH DIR`
struct Extract: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a file or directory of an image into a directory, without pulling the image.",
        discussion: """
            The root, /, fills DIR; anything else becomes a part of it under its last name. Nothing is ever written \
            outside DIR, whatever the image says. Owners, devices and extended attributes that this user may not set \
            are left out, with a warning.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Argument(help: ArgumentHelp("A file or directory of the image.", valueName: "path"))
    var path: String

    @Argument(help: ArgumentHelp("Where it goes; made if it is not there.", valueName: "dir"))
    var directory: String

    @OptionGroup var options: LookOptions

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let image = try await look.open(image)
            var (node, tree) = try await look.find(path, in: image, named: self.image, followsLast: false)
            // What lies in a directory may come from any layer.
            if tree.kind(of: node) == .directory { tree = try await look.tree(of: image) }
            let shortfall = try await Unpacker(tree, image).unpack(node.path, into: FilePath(directory))
            if !shortfall.isEmpty { Terminal.say("warning: \(shortfall)") }
            guard options.json else { return }
            try Terminal.print(
                JSON([
                    "path": .string(node.path.description), "directory": .string(directory),
                    "ownersLeftOut": .integer(shortfall.owners), "devicesLeftOut": .integer(shortfall.devices),
                    "xattrsLeftOut": .integer(shortfall.attributes),
                ]))
        }
    }
}
