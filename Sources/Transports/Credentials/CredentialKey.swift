import Content
import OCI

/// What credentials are for: a registry, or what lies below one of its paths.
package struct CredentialKey: Hashable, Sendable {
    /// As references name it: Docker Hub is `docker.io`.
    package let registry: String
    /// Such as `team/app`; empty for all of the registry.
    package let path: String

    package init(registry: String, path: String = "") {
        self.registry = Self.canonical(registry)
        self.path = path
    }

    package init(_ reference: ImageReference) {
        self.init(registry: reference.registry, path: reference.repository)
    }

    /// Reads what people log in to: `ghcr.io`, `quay.io/team`, or a URL as Docker has it.
    ///
    /// - Throws: `CredentialFailure` when this names no registry.
    package init(parsing text: String) throws {
        let rest = Self.withoutScheme(text)
        let registry = String(rest.prefix { $0 != "/" })
        var path = rest.dropFirst(registry.count + 1)
        while path.hasSuffix("/") { path = path.dropLast() }
        if ["v1", "v2"].contains(path) { path = "" }
        guard let url = try? HTTPURL(parsing: "https://\(registry)/"), !registry.isEmpty,
            // A path is checked as the repository that it is the beginning of.
            path.isEmpty || (try? ImageReference(parsing: "registry.example/\(path)"))?.repository == String(path)
        else { throw CredentialFailure.notARegistry(text) }
        let isPortShown = url.port != 443 || registry.hasSuffix(":443")
        self.init(registry: isPortShown ? "\(url.host):\(url.port)" : url.host, path: String(path))
    }

    /// Keys that may stand for this in a file of Podman's making, the most specific first.
    var candidates: [String] {
        var candidates = [text]
        while let slash = candidates.last?.lastIndex(of: "/"), let last = candidates.last {
            candidates.append(String(last[..<slash]))
        }
        return candidates
    }

    /// The registry and the path.
    var text: String { path.isEmpty ? registry : "\(registry)/\(path)" }

    /// What Docker and its credential helpers call the registry.
    var serverURL: String { registry == ImageReference.defaultRegistry ? "https://index.docker.io/v1/" : registry }

    /// Whether `other`, a key of a file, stands for all of the registry.
    ///
    /// Docker Hub has three names, and keys may be URLs of either version of the protocol.
    func isRegistry(of other: String) -> Bool {
        let rest = Self.withoutScheme(other)
        let host = rest.prefix { $0 != "/" }
        // A key for one namespace of the registry says nothing of the others.
        guard ["", "/", "/v1", "/v1/", "/v2", "/v2/"].contains(rest.dropFirst(host.count)) else { return false }
        return Self.canonical(String(host)) == registry
    }

    private static func withoutScheme(_ text: String) -> Substring {
        for scheme in ["https://", "http://"] where text.lowercased().hasPrefix(scheme) {
            return text.dropFirst(scheme.count)
        }
        return text[...]
    }

    private static func canonical(_ registry: String) -> String {
        let registry = registry.lowercased()
        return ["index.docker.io", "registry-1.docker.io"].contains(registry)
            ? ImageReference.defaultRegistry : registry
    }
}

extension CredentialKey: CustomStringConvertible {
    package var description: String { text }
}
