import Content
import Glibc
import SystemPackage

/// Where credentials are looked for: the first place that has some for a registry decides.
///
/// A file that is named is the only place; otherwise it is `DOCKER_AUTH_CONFIG`, the files of Podman and then those of
/// Docker.
package struct CredentialSearch: Hashable, Sendable {
    /// The file that `--authfile` names.
    package var file: FilePath?
    /// Replaces variables of the environment; an empty text removes one.
    package var variables: [String: String]

    package init(file: FilePath? = nil, variables: [String: String] = [:]) {
        self.file = file
        self.variables = variables
    }

    /// - Returns: `nil` when no place has anything for this.
    /// - Throws: when a file is malformed, or a credential helper fails.
    package func find(_ key: CredentialKey) async throws -> CredentialFinding? {
        for place in places {
            if let finding = try await read(place)?.find(key) { return finding }
        }
        return nil
    }

    /// The names of places before or after `path` that have something for this as well.
    ///
    /// What cannot be read counts as nothing: this is for hints.
    func others(than path: FilePath, having key: CredentialKey) -> (before: String?, after: String?) {
        let files = places.map { place in (place, try? read(place)) }
        let own = places.firstIndex { $0.path == path } ?? files.endIndex
        let having = files.indices.filter { position in
            position != own && (try? files[position].1?.hasEntry(for: key)) == true
        }
        let name = { (position: Int) in files[position].1?.name }
        return (having.first { $0 < own }.flatMap(name), having.first { $0 > own }.flatMap(name))
    }

    /// Where a login is written down: the file that is named, else Docker's.
    var ownFile: FilePath { namedFile ?? dockerFile }

    private enum Place {
        /// Must be there.
        case named(FilePath)
        case file(FilePath, isLegacy: Bool)
        case variable(String)

        var path: FilePath? {
            switch self {
            case .named(let path), .file(let path, _): path
            case .variable: nil
            }
        }
    }

    private var namedFile: FilePath? { file ?? self["REGISTRY_AUTH_FILE"].map { FilePath($0) } }

    private var dockerFile: FilePath {
        let directory = self["DOCKER_CONFIG"].map { FilePath($0) } ?? home.appending(".docker")
        return directory.appending("config.json")
    }

    private var home: FilePath {
        if let path = self["HOME"] { return FilePath(path) }
        // Cron and minimal containers set none.
        return getpwuid(getuid())?.pointee.pw_dir.map { FilePath(String(cString: $0)) } ?? "/"
    }

    private var places: [Place] {
        if let namedFile { return [.named(namedFile)] }
        let runtime = self["XDG_RUNTIME_DIR"].map { FilePath($0) }
        let configuration = self["XDG_CONFIG_HOME"].map { FilePath($0) } ?? home.appending(".config")
        let files = [
            (runtime?.appending("containers") ?? FilePath("/run/containers/\(getuid())")).appending("auth.json"),
            configuration.appending("containers").appending("auth.json"), dockerFile,
        ]
        let variable = self["DOCKER_AUTH_CONFIG"].map { Place.variable($0) }
        return (variable.map { [$0] } ?? []) + files.map { Place.file($0, isLegacy: false) }
            + [Place.file(home.appending(".dockercfg"), isLegacy: true)]
    }

    private func read(_ place: Place) throws -> CredentialFile? {
        switch place {
        case .named(let path):
            guard let file = try CredentialFile(reading: path, variables: variables) else {
                throw CredentialFailure.missingFile(path)
            }
            return file
        case .file(let path, let isLegacy):
            return try CredentialFile(reading: path, isLegacy: isLegacy, variables: variables)
        case .variable(let text):
            return try CredentialFile(parsing: Array(text.utf8), name: "DOCKER_AUTH_CONFIG", variables: variables)
        }
    }

    private subscript(name: String) -> String? {
        let value = variables[name] ?? getenv(name).map { String(cString: $0) }
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// How one end of a run comes to its credentials.
package enum CredentialChoice: Hashable, Sendable {
    /// There are to be none, whatever files say.
    case anonymous
    case given(Credentials)
    case search(CredentialSearch)

    /// The credentials for a registry or repository; `nil` to stay anonymous.
    package func credentials(for key: CredentialKey) async throws -> Credentials? {
        switch self {
        case .anonymous: nil
        case .given(let credentials): credentials
        case .search(let search): try await search.find(key)?.credentials
        }
    }
}
