import Content

/// `registry/repository[:tag][@digest]`, normalised the way `docker pull` does it.
package struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// Host, with the port if one was given.
    package var registry: String
    package var repository: String
    package var tag: String?
    package var digest: Digest?

    package static let defaultRegistry = "docker.io"

    /// - Throws: `ReferenceFailure` that says which part is malformed.
    package init(parsing text: String) throws {
        var rest = Substring(text)
        if let at = rest.firstIndex(of: "@") {
            digest = try Digest(parsing: String(rest[rest.index(after: at)...]))
            rest = rest[..<at]
        }
        // A colon after the last slash starts the tag; one before it belongs to the port.
        let name = rest.lastIndex(of: "/").map { rest.index(after: $0) } ?? rest.startIndex
        if let colon = rest[name...].firstIndex(of: ":") {
            let tag = String(rest[rest.index(after: colon)...])
            guard Self.isTag(tag) else { throw ReferenceFailure.malformedTag(tag, in: text) }
            self.tag = tag
            rest = rest[..<colon]
        }
        if let slash = rest.firstIndex(of: "/"), Self.isRegistry(rest[..<slash]) {
            registry = String(rest[..<slash])
            repository = String(rest[rest.index(after: slash)...])
        } else {
            registry = Self.defaultRegistry
            repository = String(rest)
        }
        if registry == "index.docker.io" { registry = Self.defaultRegistry }
        if registry == Self.defaultRegistry, !repository.contains("/") { repository = "library/" + repository }
        guard Self.isRepository(repository) else { throw ReferenceFailure.malformedRepository(repository, in: text) }
        if tag == nil, digest == nil { tag = "latest" }
    }

    package var description: String {
        "\(registry)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// What a manifest is asked for by: the digest where there is one, since it says more than the tag.
    package var manifestName: String { digest?.description ?? tag ?? "latest" }

    /// The first component is a registry if it cannot be the name of a user (docker's rule).
    private static func isRegistry(_ text: Substring) -> Bool {
        text == "localhost" || text.contains(".") || text.contains(":") || text.contains { $0.isUppercase }
    }

    /// `[\w][\w.-]{0,127}` (OCI distribution specification, "Pulling manifests").
    static func isTag(_ text: String) -> Bool {
        let first = text.utf8.first.map { isWord($0) } ?? false
        return first && text.utf8.count <= 128 && text.utf8.allSatisfy { isWord($0) || $0 == 0x2d || $0 == 0x2e }
    }

    /// Slash-separated components of lower-case letters and digits with separators between them.
    private static func isRepository(_ text: String) -> Bool {
        let components = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 255
            && components.allSatisfy { component in
                guard let first = component.utf8.first, let last = component.utf8.last else { return false }
                return isAlphanumeric(first) && isAlphanumeric(last)
                    && component.utf8.allSatisfy { isAlphanumeric($0) || [0x2d, 0x2e, 0x5f].contains($0) }
            }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || (0x41...0x5a).contains(byte) || byte == 0x5f
    }
}

package enum ReferenceFailure: Failure {
    case malformedTag(String, in: String)
    case malformedRepository(String, in: String)
    case unknownTransport(String)
    case emptyPath(String)

    package var kind: FailureKind { .usage }

    package var description: String {
        switch self {
        case .malformedTag(let tag, let text):
            "'\(text)': expected a tag of letters, digits, '_', '.' and '-', not '\(tag)'"
        case .malformedRepository(let repository, let text):
            "'\(text)': expected a repository of lower-case letters, digits and separators, not '\(repository)'"
        case .unknownTransport(let text):
            "'\(text)': expected docker://REFERENCE, oci:DIR[:TAG] or a bare reference"
        case .emptyPath(let text): "'\(text)': expected a directory after 'oci:'"
        }
    }
}
