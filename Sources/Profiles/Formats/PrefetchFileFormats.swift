import Content

extension ProfileReader {
    /// Reads SOCI's list: a JSON array of paths.
    mutating func readSOCI(_ bytes: [UInt8]) throws {
        guard let paths = try JSON(parsing: bytes).array else { throw ProfileFailure.noArray }
        for (position, path) in paths.enumerated() {
            try context("element \(position)") {
                guard let path = path.string else { throw ProfileFailure.noPath }
                let trimmed = Array(path.utf8)[...].trimmed
                if !trimmed.isEmpty { try append(path: trimmed) }
            }
        }
    }

    /// Reads Nydus' list: a JSON object whose `files` have a path each. The ranges within files that they may have do not
    /// matter, since files are prefetched whole.
    mutating func readNydus(_ bytes: [UInt8]) throws {
        guard let files = try JSON(parsing: bytes)["files"]?.array else { throw ProfileFailure.noFiles }
        for (position, file) in files.enumerated() {
            try context("file \(position)") {
                guard let path = file["path"]?.string else { throw ProfileFailure.noPath }
                try append(path: path.utf8)
            }
        }
    }
}
