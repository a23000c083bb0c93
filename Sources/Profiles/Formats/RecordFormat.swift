import Archive
import Content

extension ProfileReader {
    /// Reads a record: JSON objects, with or without line ends between them.
    mutating func readRecord(_ bytes: [UInt8]) throws {
        try JSON.forEach(in: bytes) { json, offset in
            try context("record at byte \(offset)") {
                guard let path = json["path"]?.string else { throw ProfileFailure.noPath }
                try append(path: path.utf8, origin: try origin(of: json))
            }
        }
    }

    private func origin(of json: JSON) throws -> Profile.Origin? {
        guard let text = json["manifestDigest"]?.string, !text.isEmpty else { return nil }
        return Profile.Origin(
            manifest: try Digest(parsing: text), layer: json["layerIndex"]?.integer.flatMap(Int.init(exactly:)))
    }
}

extension Profile {
    /// The profile as a record, one object on each line. Patterns, which a record cannot hold, are left out.
    package var recordText: [UInt8] {
        entries.flatMap { entry -> [UInt8] in
            guard case .path(let path) = entry.item else { return [] }
            var json = JSON.object(JSON.Object())
            json["path"] = .string(path.isRoot ? "" : path.description)
            json["manifestDigest"] = (entry.origin?.manifest.description).map(JSON.string)
            json["layerIndex"] = entry.origin?.layer.map { .integer($0) }
            return json.shownText.utf8 + [UInt8(ascii: "\n")]
        }
    }
}
