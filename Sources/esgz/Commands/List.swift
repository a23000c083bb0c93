import Archive
import ArgumentParser
import Inspection

/// `esgz ls IMAGE [PATH]`
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List the files of an image, without pulling it.",
        discussion: "Shows what a container sees: whiteouts are applied, and landmarks hidden.",
        // ls -lh is not a request for help.
        helpNames: .long)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Argument(help: ArgumentHelp("A directory or file of the image.", valueName: "path"))
    var path = "/"

    @Flag(name: .shortAndLong, help: "Show mode, owner, size and time as well.")
    var long = false

    @Flag(name: [.customShort("R"), .long], help: "List everything below as well, by paths from the root.")
    var recursive = false

    @Flag(name: .customShort("a"), help: "Accepted; names that begin with a dot are shown anyway.")
    var all = false

    @Flag(name: .customShort("h"), help: "Accepted beside -l; sizes are numbers of bytes.")
    var humanReadable = false

    @OptionGroup var options: LookOptions

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let image = try await look.open(image)
            let listing = Listing(isLong: long, isJSON: options.json)
            guard let directory = try await findDirectory(look, in: image) else {
                let (link, tree) = try await look.find(path, in: image, named: self.image, followsLast: false)
                return try listing.show([link], in: tree) { _ in path }
            }
            let tree = try await look.tree(of: image)
            if recursive {
                try listing.show(tree.nodes(below: directory.path), in: tree) { $0.description }
            } else {
                try listing.show(tree.children(of: directory.path), in: tree) {
                    String(decoding: $0.name, as: UTF8.self)
                }
            }
        }
    }

    /// What the path leads to, if that is a directory; a link that leads nowhere is there all the same.
    private func findDirectory(_ look: Look, in image: LazyImage) async throws -> MergedTree.Node? {
        do {
            let (node, tree) = try await look.find(path, in: image, named: self.image)
            return tree.kind(of: node) == .directory ? node : nil
        } catch is NoSuchPath {
            return nil
        }
    }
}
