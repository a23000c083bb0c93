import Archive
import ArgumentParser
import Content
import Inspection

/// `esgz cat IMAGE PATH…`
struct Cat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print files of an image, without pulling it.",
        discussion: """
            Fetches the tables of contents that it needs, and of the files nothing but what they take. Every byte is \
            checked before it is printed. Symbolic links are followed.
            """)

    @Argument(help: ArgumentHelp("The image.", valueName: "image"))
    var image: String

    @Argument(help: ArgumentHelp("Files of the image.", valueName: "path"))
    var paths: [String]

    @OptionGroup var options: LookOptions

    func run() async throws {
        let look = try Look(options.reading, platform: try options.platform)
        try await look.run {
            let image = try await look.open(image)
            for path in paths {
                let (node, tree) = try await look.find(path, in: image, named: self.image)
                let entry = tree.entry(of: node)
                guard case .regular(let size) = entry.kind else {
                    throw NotAFile(path: path, type: entry.kind.typeName)
                }
                guard let file = node.file else { continue }
                try await print(file, size, of: image, as: path)
            }
        }
    }

    private func print(_ file: MergedTree.Place, _ size: Int64, of image: LazyImage, as path: String) async throws {
        guard options.json else {
            return try await image.forEachPiece(of: file, size: size) { try Terminal.emit($0) }
        }
        let frame = JSON([
            "path": .string(path), "size": .integer(size), "encoding": "base64", "content": "",
        ]).shownText
        // What comes between the quotation marks at its end may be larger than the memory.
        try Terminal.emit(Array(frame.utf8.dropLast(2)))
        var rest: [UInt8] = []
        try await image.forEachPiece(of: file, size: size) { piece in
            rest += piece
            let whole = rest.count - rest.count % 3
            try Terminal.emit(Array(Base64.text(of: Array(rest[..<whole])).utf8))
            rest.removeFirst(whole)
        }
        try Terminal.print(Base64.text(of: rest) + "\"}")
    }
}

/// Only files have content that can be printed.
private struct NotAFile: Failure {
    let path: String
    let type: String

    var kind: FailureKind { .usage }
    var description: String { "\(path.printable): expected a file, not a \(type)" }
}
