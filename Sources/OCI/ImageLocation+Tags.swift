extension ImageLocation {
    /// The same place with another tag.
    ///
    /// - Throws: `ReferenceFailure` when a registry would not take the tag.
    package func tagged(_ tag: String) throws -> ImageLocation {
        switch self {
        case .registry(var reference):
            guard ImageReference.isTag(tag) else { throw ReferenceFailure.malformedTag(tag, in: description) }
            reference.tag = tag
            reference.digest = nil
            return .registry(reference)
        case .layout(let path, _):
            guard !tag.isEmpty else { throw ReferenceFailure.malformedTag(tag, in: description) }
            return .layout(path, tag: tag)
        }
    }

    /// The same place with a suffix behind its tag.
    ///
    /// - Throws: `ReferenceFailure` when there is no tag, or none that a registry would take.
    package func appending(tagSuffix: String) throws -> ImageLocation {
        guard let tag else { throw ReferenceFailure.noTag(description) }
        return try tagged(tag + tagSuffix)
    }

    private var tag: String? {
        switch self {
        case .registry(let reference): reference.tag
        case .layout(_, let tag): tag
        }
    }
}
