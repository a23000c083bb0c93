import ArgumentParser
import Content
import Profiles

/// `esgz profile show FILE`
struct ProfileShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Say what a profile is, and what it names.")

    @Argument(help: ArgumentHelp("The profile; - for stdin.", valueName: "file"))
    var file: String

    @OptionGroup var format: ProfileFormatOptions

    @Flag(help: "Print it in JSON.")
    var json = false

    func run() async throws {
        let bytes = try ProfileFile.read(file)
        let format = format.profileFormat ?? ProfileFormat(detecting: bytes)
        let profile = try format.profile(bytes, from: file)
        guard !json else {
            var json = profile.json
            json["format"] = .string(format.rawValue)
            return try Terminal.print(json.shownText)
        }
        let patterns = profile.entries.count { $0.item.isPattern }
        var lines = ["format    \(format.rawValue)", "paths     \(profile.entries.count - patterns)"]
        if patterns > 0 { lines.append("patterns  \(patterns)") }
        for image in profile.images {
            lines.append("image     \(image.manifest), \(image.count) of the paths")
        }
        lines += [""] + profile.entries.map(\.item.description.printable)
        try Terminal.print(lines.joined(separator: "\n"))
    }
}

extension Profile {
    /// The images in which recorders have found something, in the order in which they first occur.
    fileprivate var images: [(manifest: Digest, count: Int)] {
        var order: [Digest] = []
        var counts: [Digest: Int] = [:]
        for manifest in entries.compactMap(\.origin?.manifest) {
            if counts[manifest] == nil { order.append(manifest) }
            counts[manifest, default: 0] += 1
        }
        return order.map { ($0, counts[$0] ?? 0) }
    }
}
