import Content
import SystemPackage

/// Where an image is, as typed: `docker://REF` or a bare reference, or `oci:DIR[:TAG]`.
package enum ImageLocation: Hashable, Sendable, CustomStringConvertible {
    case registry(ImageReference)
    case layout(FilePath, tag: String?)

    package init(parsing text: String) throws {
        if text.hasPrefix("docker://") {
            var reference = try ImageReference(parsing: String(text.dropFirst("docker://".count)))
            // With the transport in front, Docker Hub is meant, and no program would look elsewhere.
            reference.isShort = false
            self = .registry(reference)
        } else if text.hasPrefix("oci:") {
            self = try Self.layout(parsing: String(text.dropFirst("oci:".count)), typed: text)
        } else if let scheme = text.firstRange(of: "://") {
            throw ReferenceFailure.unknownTransport(String(text[..<scheme.upperBound]))
        } else if let transport = Self.otherTransports.first(where: { text.hasPrefix($0) }) {
            throw ReferenceFailure.unknownTransport(transport)
        } else {
            self = .registry(try ImageReference(parsing: text))
        }
    }

    /// Transports of skopeo that would else be read as the name of a repository on Docker Hub.
    private static let otherTransports = [
        "oci-archive:", "docker-archive:", "docker-daemon:", "containers-storage:", "dir:", "ostree:", "sif:",
    ]

    /// The tag follows the last colon, unless a slash follows it, as in skopeo.
    private static func layout(parsing text: String, typed: String) throws -> ImageLocation {
        var path = text
        var tag: String?
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("/") {
            path = String(text[..<colon])
            tag = String(text[text.index(after: colon)...])
            if tag?.isEmpty == true { tag = nil }
        }
        guard !path.isEmpty else { throw ReferenceFailure.emptyPath(typed) }
        return .layout(FilePath(path), tag: tag)
    }

    package var description: String {
        switch self {
        case .registry(let reference): reference.description
        case .layout(let path, let tag): "oci:\(path)" + (tag.map { ":\($0)" } ?? "")
        }
    }
}
