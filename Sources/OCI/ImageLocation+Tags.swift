extension ImageLocation {
    /// The same place with another tag.
    ///
    /// - Throws: `ReferenceFailure` when the tag is none, or the place has no name that it could belong to.
    package func tagged(_ tag: String) throws -> ImageLocation {
        switch self {
        case .registry(let reference): return .registry(try reference.tagged(tag))
        case .dockerArchive(let place, .name(let reference)):
            return .dockerArchive(place, .name(try reference.tagged(tag)))
        case .dockerDaemon(.name(let reference)): return .dockerDaemon(.name(try reference.tagged(tag)))
        case .dockerArchive, .dockerDaemon: throw ReferenceFailure.noTag(description)
        case .layout(let path, _): return .layout(path, tag: try checked(tag))
        case .ociArchive(let place, _): return .ociArchive(place, tag: try checked(tag))
        }
    }

    /// The same place with a suffix behind its tag.
    ///
    /// - Throws: `ReferenceFailure` when there is no tag, or none with the suffix.
    package func appending(tagSuffix: String) throws -> ImageLocation {
        guard let tag else { throw ReferenceFailure.noTag(description) }
        return try tagged(tag + tagSuffix)
    }

    /// A layout takes any text for a tag.
    private func checked(_ tag: String) throws -> String {
        guard !tag.isEmpty else { throw ReferenceFailure.malformedTag(tag, in: description) }
        return tag
    }

    private var tag: String? {
        switch self {
        case .registry(let reference), .dockerArchive(_, .name(let reference)), .dockerDaemon(.name(let reference)):
            reference.tag
        case .layout(_, let tag), .ociArchive(_, let tag): tag
        case .dockerArchive, .dockerDaemon: nil
        }
    }
}

extension ImageReference {
    fileprivate func tagged(_ tag: String) throws -> ImageReference {
        guard Self.isTag(tag) else { throw ReferenceFailure.malformedTag(tag, in: description) }
        var result = self
        result.tag = tag
        result.digest = nil
        return result
    }
}
