import Content

extension ImageLocation {
    /// Whether writing to this place would replace the image at `other`.
    package func isSamePlace(as other: ImageLocation) -> Bool {
        if let mine = archive, let theirs = other.archive {
            // An archive is written as a whole, whatever its kind and whichever name is asked of it.
            guard case .file(let mine) = mine, case .file(let theirs) = theirs else { return false }
            return mine.resolved == theirs.resolved
        }
        return switch (self, other) {
        case (.registry(let mine), .registry(let theirs)):
            mine.registry == theirs.registry && mine.repository == theirs.repository && theirs.digest == nil
                && mine.tag == theirs.tag
        case (.layout(let mine, let myTag), .layout(let theirs, let theirTag)):
            myTag == theirTag && mine.resolved == theirs.resolved
        case (.dockerDaemon(let mine), .dockerDaemon(let theirs)): mine == theirs
        default: false
        }
    }

    /// Whether this place is the very archive at `other`: writing replaces it with all images that it holds.
    package func isSameArchive(as other: ImageLocation) -> Bool { archive != nil && isSamePlace(as: other) }

    private var archive: ArchivePlace? {
        switch self {
        case .ociArchive(let place, _), .dockerArchive(let place, _): place
        default: nil
        }
    }
}

extension [ImageLocation] {
    /// - Throws: when two of these destinations are the same archive, or standard output: one would be lost.
    package func checkArchivesDiffer() throws {
        guard filter(\.isStandardStream).count <= 1 else { throw ReferenceFailure.severalToStandardOutput }
        for (position, location) in enumerated() {
            if let same = self[..<position].first(where: { $0.isSameArchive(as: location) }) {
                throw ReferenceFailure.sameArchive(same.description, location.description)
            }
        }
    }
}
