import ArgumentParser
import Content
import Profiles
import SystemPackage

/// How profiles are written that are made.
struct ProfileOutputOptions: ParsableArguments {
    enum Form: String, ExpressibleByArgument, CaseIterable {
        case record, list
    }

    @Option(help: ArgumentHelp("Write a record, as ctr-remote and nerdctl read it, or a list.", valueName: "form"))
    var to = Form.record

    @Flag(help: "Print the profile in one JSON document.")
    var json = false

    /// Prints a profile, or writes it to a file.
    ///
    /// - Throws: when the form cannot hold it.
    func show(_ profile: Profile, in file: String? = nil) throws {
        var text = try text(of: profile)
        if let file { return try ProfileFile.write(text, to: FilePath(file)) }
        // The line end comes when it is printed.
        guard text.popLast() != nil else { return }
        try Terminal.print(String(decoding: text, as: UTF8.self))
    }

    private func text(of profile: Profile) throws -> [UInt8] {
        guard !json else { return profile.json.shownText.utf8 + [UInt8(ascii: "\n")] }
        switch to {
        case .record:
            guard !profile.hasPatterns else { throw PatternsInRecord() }
            return profile.recordText
        case .list: return profile.listText
        }
    }
}

/// A record was asked for, which names single paths alone.
private struct PatternsInRecord: Failure {
    var kind: FailureKind { .usage }
    var description: String { "the profile has patterns, which a record cannot hold; say --to list" }
}

extension Profile {
    var json: JSON {
        JSON(["entries": .array(entries.map(\.json))])
    }
}

extension Profile.Entry {
    fileprivate var json: JSON {
        var json = JSON([item.isPattern ? "pattern" : "path": .string(item.description)])
        json["manifestDigest"] = (origin?.manifest.description).map(JSON.string)
        json["layerIndex"] = origin?.layer.map { .integer($0) }
        json["layerDigest"] = (blob?.description).map(JSON.string)
        return json
    }
}
