import Content

/// `registry/repository[:tag][@digest]`, normalised the way `docker pull` does it.
package struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// Host, with the port if one was given.
    package var registry: String
    package var repository: String
    package var tag: String?
    package var digest: Digest?
    /// Typed without a registry. Makes no difference between references: they are where they are.
    package var isShort = false

    package static let defaultRegistry = "docker.io"

    /// - Throws: `ReferenceFailure` that says which part is malformed.
    package init(parsing text: String) throws {
        var rest = Substring(text)
        if let at = rest.firstIndex(of: "@") {
            guard let digest = try? Digest(parsing: String(rest[rest.index(after: at)...])) else {
                throw ReferenceFailure.malformedDigest(text)
            }
            self.digest = digest
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
            isShort = true
        }
        guard Self.isHost(registry) else { throw ReferenceFailure.malformedRegistry(registry, in: text) }
        if registry == "index.docker.io" { registry = Self.defaultRegistry }
        if registry == Self.defaultRegistry, !repository.contains("/") { repository = "library/" + repository }
        guard Self.isRepository(repository) else { throw ReferenceFailure.malformedRepository(repository, in: text) }
        if tag == nil, digest == nil { tag = "latest" }
    }

    package static func == (first: ImageReference, second: ImageReference) -> Bool {
        first.registry == second.registry && first.repository == second.repository && first.tag == second.tag
            && first.digest == second.digest
    }

    package func hash(into hasher: inout Swift.Hasher) {
        hasher.combine(registry)
        hasher.combine(repository)
        hasher.combine(tag)
        hasher.combine(digest)
    }

    package var description: String {
        "\(registry)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// The short form that docker shows, such as `app:1` for `docker.io/library/app:1`.
    package var familiarName: String {
        let name = description
        for prefix in ["\(Self.defaultRegistry)/library/", "\(Self.defaultRegistry)/"] where name.hasPrefix(prefix) {
            return String(name.dropFirst(prefix.count))
        }
        return name
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

    /// A name or address, in brackets one of IPv6, and behind a colon the port.
    private static func isHost(_ text: String) -> Bool {
        var host = Substring(text)
        if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") {
            let port = host[host.index(after: colon)...].utf8
            guard (1...5).contains(port.count), port.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            return host.utf8.dropFirst().dropLast().allSatisfy {
                $0 == 0x3a || Character(Unicode.Scalar($0)).isHexDigit
            }
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last, first != 0x2d, last != 0x2d else {
                return false
            }
            return label.utf8.allSatisfy { isWord($0) && $0 != 0x5f || $0 == 0x2d }
        }
    }

    /// Slash-separated components of lower-case letters and digits, with a point, one or two underscores or any number
    /// of hyphens between them.
    private static func isRepository(_ text: String) -> Bool {
        let components = text.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 255
            && components.allSatisfy { component in
                guard let first = component.utf8.first, let last = component.utf8.last else { return false }
                let separators = component.utf8.split(whereSeparator: isAlphanumeric)
                return isAlphanumeric(first) && isAlphanumeric(last)
                    && separators.allSatisfy { separator in
                        separator.elementsEqual(".".utf8) || separator.elementsEqual("_".utf8)
                            || separator.elementsEqual("__".utf8) || separator.allSatisfy { $0 == 0x2d }
                    }
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
    case malformedRegistry(String, in: String)
    case malformedTag(String, in: String)
    case malformedRepository(String, in: String)
    case unknownTransport(String)
    case file(String)
    case noTag(String)
    case emptyPath(String, expected: String)
    case unexpectedDigest(String)
    case malformedDigest(String)
    case malformedPosition(String)
    case severalToStandardOutput
    case sameArchive(String, String)

    package var kind: FailureKind { .usage }

    // What was typed may come from a file, and be more than one line.
    package var description: String { text.printable }

    /// What is typed in front of a host may be a name and a password.
    private static func shown(_ text: String) -> String {
        let digest = text.lastIndex(of: "@").flatMap { text[$0...].hasPrefix("@sha") ? $0 : nil } ?? text.endIndex
        guard let at = text[..<digest].lastIndex(of: "@") else { return text }
        return "…" + text[at...]
    }

    private var text: String {
        switch self {
        case .malformedRegistry(let registry, let text):
            "'\(Self.shown(text))': expected a registry such as ghcr.io or localhost:5000, not '\(Self.shown(registry))'"
        case .malformedTag(let tag, let text):
            "'\(Self.shown(text))': expected a tag of letters, digits, '_', '.' and '-', not '\(Self.shown(tag))'"
        case .malformedRepository(let repository, let text):
            "'\(Self.shown(text))': expected a repository of lower-case letters, digits and separators, not "
                + "'\(Self.shown(repository))'"
        case .unknownTransport(let text):
            "'\(text)': expected docker://REFERENCE, a bare reference, oci:DIR[:TAG], oci-archive:FILE[:TAG], "
                + "docker-archive:FILE[:NAME] or docker-daemon:NAME"
        case .file("-"):
            "'-' alone is no image: say docker-archive:- or oci-archive:- for standard input or output"
        case .file(let text):
            "'\(text)' looks like a file: say docker-archive:\(text), oci-archive:\(text) or oci:DIR, or docker://REFERENCE "
                + "for an image in a registry"
        case .emptyPath(let text, let expected):
            "'\(text)': expected a \(expected) after '\(text.prefix { $0 != ":" }):'"
        case .unexpectedDigest(let text): "'\(text)': expected a name with a tag, not with a digest"
        case .malformedDigest(let text):
            "'\(Self.shown(text).prefix(500))': expected a digest such as sha256:… (64 hex digits)"
        case .sameArchive(let first, let second):
            "\(first) and \(second) are the same archive; write it once, and name the image with --additional-tag"
        case .severalToStandardOutput: "only one destination can be standard output ('-')"
        case .malformedPosition(let text): "'\(text)': expected @ and a number from 0 on, or a name"
        case .noTag(let text): "'\(text)': expected a tag to put the suffix behind"
        }
    }
}
