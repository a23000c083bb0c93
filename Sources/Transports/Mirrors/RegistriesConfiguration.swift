import Content
import OCI
import SystemPackage

/// What `registries.conf`, version 2, says about where images are pulled from (containers-registries.conf(5)).
package struct RegistriesConfiguration: Sendable {
    /// Which references a mirror is asked for.
    enum Pulls: String {
        case all
        case digestOnly = "digest-only"
        case tagOnly = "tag-only"
    }

    struct Mirror {
        let location: String
        let isInsecure: Bool
        let pulls: Pulls
    }

    /// A `[[registry]]`.
    struct Registry {
        /// `HOST[:PORT][/PATH…]`, or `*.DOMAIN`.
        let prefix: String
        /// What stands for the prefix when the image is fetched; `nil` to leave references as they are.
        let location: String?
        let isInsecure: Bool
        let isBlocked: Bool
        let mirrors: [Mirror]
        let file: FilePath
    }

    private(set) var registries: [Registry] = []
    /// Where other programs look for names without a registry; never done here.
    private(set) var searchRegistries: [String] = []
    private(set) var aliases: [String: String] = [:]

    package init() {}

    /// Reads the files one after the other; later ones replace what earlier ones say of the same prefix.
    package init(reading paths: [FilePath]) throws {
        for path in paths { try merge(try ConfigurationFile(reading: path)) }
    }

    mutating func merge(_ file: ConfigurationFile) throws {
        if file.root["registries"]?.object != nil {
            throw ConfigurationFailure.contradiction(
                file.path, "[registries.…] is version 1 of this format; expected version 2, which has [[registry]]")
        }
        var seen: [String: Registry] = [:]
        var order: [String] = []
        for table in try file.tables("registry", in: file.root) {
            let registry = try Self.registry(table, file)
            if let other = seen[registry.prefix],
                other.isBlocked != registry.isBlocked || other.isInsecure != registry.isInsecure
            {
                throw ConfigurationFailure.contradiction(
                    file.path, "registry '\(registry.prefix)' is defined twice, and differently")
            }
            if seen.updateValue(registry, forKey: registry.prefix) == nil { order.append(registry.prefix) }
        }
        registries.removeAll { seen[$0.prefix] != nil }
        registries += order.compactMap { seen[$0] }
        if let found = try file.strings("unqualified-search-registries", in: file.root) { searchRegistries = found }
        for (key, value) in (file.root["aliases"]?.object?.members ?? []).map({ ($0.key, $0.value) }) {
            aliases[key] = value.string.flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    private static func registry(_ table: JSON, _ file: ConfigurationFile) throws -> Registry {
        let location = try location(in: table, file)
        guard let prefix = try file.string("prefix", in: table).flatMap(trimmed) ?? location else {
            throw ConfigurationFailure.contradiction(file.path, "[[registry]]: expected 'location' or 'prefix'")
        }
        guard location != nil || prefix.hasPrefix("*.") else {
            throw ConfigurationFailure.contradiction(
                file.path, "registry '\(prefix)': expected a 'location' unless the prefix is like *.example.com")
        }
        let byDigestOnly = try file.bool("mirror-by-digest-only", in: table) ?? false
        return Registry(
            prefix: prefix, location: location, isInsecure: try file.bool("insecure", in: table) ?? false,
            isBlocked: try file.bool("blocked", in: table) ?? false,
            mirrors: try file.tables("mirror", in: table).map {
                try mirror($0, ofRegistry: prefix, byDigestOnly: byDigestOnly, file)
            }, file: file.path)
    }

    private static func mirror(
        _ table: JSON, ofRegistry prefix: String, byDigestOnly: Bool, _ file: ConfigurationFile
    ) throws -> Mirror {
        guard let location = try location(in: table, file) else {
            throw ConfigurationFailure.contradiction(
                file.path, "registry '\(prefix)': [[registry.mirror]]: expected 'location'")
        }
        let text = try file.string("pull-from-mirror", in: table) ?? ""
        guard let pulls = text.isEmpty ? .all : Pulls(rawValue: text) else {
            throw ConfigurationFailure.wrongType(
                file.path, key: "pull-from-mirror", expected: "all, digest-only or tag-only")
        }
        guard !byDigestOnly || text.isEmpty else {
            throw ConfigurationFailure.contradiction(
                file.path, "registry '\(prefix)': 'mirror-by-digest-only' and 'pull-from-mirror' exclude each other")
        }
        return Mirror(
            location: location, isInsecure: try file.bool("insecure", in: table) ?? false,
            pulls: byDigestOnly ? .digestOnly : pulls)
    }

    private static func location(in table: JSON, _ file: ConfigurationFile) throws -> String? {
        guard let text = try file.string("location", in: table).flatMap(trimmed) else { return nil }
        guard !text.contains("://") else {
            throw ConfigurationFailure.contradiction(
                file.path, "location '\(text)': expected HOST[:PORT][/PATH] without a scheme")
        }
        return text
    }

    /// Without slashes at the end; `nil` when nothing is left.
    private static func trimmed(_ text: String) -> String? {
        let end = text.lastIndex { $0 != "/" }
        return end.map { String(text[...$0]) }
    }
}

extension RegistriesConfiguration {
    /// The entry with the longest prefix of a reference, and how much of the reference that prefix covers.
    func entry(for reference: ImageReference) -> (registry: Registry, covered: Int)? {
        let text = reference.description
        return registries.compactMap { registry in
            Self.covered(text, by: registry.prefix).map { (registry: registry, covered: $0) }
        }.max { ($0.covered, $1.registry.isWildcard ? 1 : 0) < ($1.covered, $0.registry.isWildcard ? 1 : 0) }
    }

    /// How many bytes at the front of a reference a prefix stands for; `nil` when it means others.
    ///
    /// A prefix ends where a component does: `a.b/c` is none of `a.b/cd`.
    private static func covered(_ text: String, by prefix: String) -> Int? {
        let end: String.Index
        if prefix.hasPrefix("*.") {
            let host = text.prefix { $0 != "/" }
            guard let suffix = host.firstRange(of: prefix.dropFirst()), suffix.lowerBound > host.startIndex else {
                return nil
            }
            end = suffix.upperBound
        } else {
            guard text.hasPrefix(prefix) else { return nil }
            end = text.index(text.startIndex, offsetBy: prefix.count)
        }
        guard end == text.endIndex || "/:@".contains(text[end]) else { return nil }
        return text.utf8.distance(from: text.startIndex, to: end)
    }
}

extension RegistriesConfiguration {
    /// What to tell about a name that was typed without a registry, where other programs would look elsewhere for it.
    ///
    /// - Returns: `nil` when they would not.
    func remark(on reference: ImageReference) -> String? {
        guard reference.isShort else { return nil }
        let name = "\(reference.registry)/\(reference.repository)"
        let typed =
            reference.repository.hasPrefix("library/")
            ? String(reference.repository.dropFirst("library/".count)) : reference.repository
        if let alias = aliases[typed] {
            return alias == name
                ? nil
                : """
                '\(typed)' means \(name) here, as for docker pull; the alias '\(alias.prefix(200).printable)' in \
                registries.conf is not consulted, write it out if you mean it
                """
        }
        guard let first = searchRegistries.first, first != ImageReference.defaultRegistry else { return nil }
        return """
            '\(typed)' means \(name) here, as for docker pull; unqualified-search-registries in registries.conf is not \
            consulted, write \(first.prefix(200).printable)/\(typed) if you mean that
            """
    }
}

extension RegistriesConfiguration.Registry {
    var isWildcard: Bool { prefix.hasPrefix("*.") }

    /// The reference that is fetched instead of another.
    ///
    /// - Parameters:
    ///   - reference: as it was typed.
    ///   - covered: how much of it the prefix stands for.
    ///   - location: what takes the place of the prefix; `nil` to change nothing.
    /// - Returns: the reference with the location in front.
    /// - Throws: when that is no reference.
    func rewrite(_ reference: ImageReference, covered: Int, to location: String?) throws -> ImageReference {
        guard let location else { return reference }
        let rest = String(decoding: reference.description.utf8.dropFirst(covered), as: UTF8.self)
        let text = location + rest
        let rewritten = try context("\(file): location '\(location.printable)'") {
            try ImageReference(parsing: text)
        }
        // A host without a point or port would be read as a part of a name on Docker Hub.
        guard rewritten.registry == text.prefix(while: { $0 != "/" }) else {
            throw ConfigurationFailure.contradiction(
                file, "location '\(location)': expected a host such as mirror.example or mirror:5000 in front")
        }
        return rewritten
    }
}
