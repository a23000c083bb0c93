import Content
import Glibc
import SystemPackage

/// A file with credentials as Docker (`config.json`) and Podman (`auth.json`) write it.
struct CredentialFile: Sendable {
    static let sizeLimit = 4 << 20

    /// For messages.
    let name: String
    let root: JSON
    private let variables: [String: String]

    /// - Parameters:
    ///   - bytes: a JSON object; nothing at all stands for an empty one.
    ///   - name: of the file or variable, for messages.
    ///   - isLegacy: a `.dockercfg`, which holds nothing but entries.
    ///   - variables: added to the environment of credential helpers.
    /// - Throws: when it is too large or malformed.
    init(parsing bytes: [UInt8], name: String, isLegacy: Bool = false, variables: [String: String] = [:]) throws {
        self.name = name
        self.variables = variables
        root = try context(name) {
            guard bytes.count <= Self.sizeLimit else { throw CredentialFailure.tooLarge(limit: Self.sizeLimit) }
            // Podman leaves files like that behind.
            let isBlank = bytes.allSatisfy { [0x20, 0x09, 0x0a, 0x0d].contains($0) }
            let root = isBlank ? .object(JSON.Object()) : try JSON(parsing: bytes)
            guard let object = root.object else { throw CredentialFailure.notAnObject("") }
            guard isLegacy else { return root }
            var wrapped = JSON.Object()
            wrapped["auths"] = .object(object)
            return .object(wrapped)
        }
    }

    /// - Returns: `nil` when there is no such file.
    init?(reading path: FilePath, isLegacy: Bool = false, variables: [String: String] = [:]) throws {
        guard let bytes = try Self.bytes(of: path) else { return nil }
        try self.init(parsing: bytes, name: path.string.printable, isLegacy: isLegacy, variables: variables)
    }

    /// What a key of this file leads to: a helper for the registry, the helper for all, or an entry.
    ///
    /// - Returns: `nil` when there is nothing for it.
    /// - Throws: a failure that names the file and the key, but shows nothing of what is in it.
    func find(_ key: CredentialKey) async throws -> CredentialFinding? {
        try await context(name) {
            if let helper = try helper(for: key), let finding = try await helper.get(key.serverURL) {
                guard case .found(let credentials) = finding else { return finding }
                return .found(credentials.from("\(helper.program.printable), which \(name) names"))
            }
            return try entry(for: key).flatMap { try Self.credentials(in: $0.entry, key: $0.key) }
                .map { .found($0.from(name)) }
        }
    }

    /// The helper that keeps the credentials of a registry; `nil` when the file itself does.
    func helper(for key: CredentialKey) throws -> CredentialHelper? {
        let helpers = try members(of: "credHelpers")
        let own = helpers.first { $0.key == key.registry } ?? helpers.first { key.isRegistry(of: $0.key) }
        let name: String
        if let own {
            guard let text = own.value.string else { throw CredentialFailure.notAString("credHelpers: \(own.key)") }
            name = text
        } else {
            guard let store = root["credsStore"], store != .null else { return nil }
            guard let text = store.string else { throw CredentialFailure.notAString("credsStore") }
            name = text
        }
        // An empty name takes one registry away from the helper for all.
        return name.isEmpty ? nil : try CredentialHelper(name, variables: variables)
    }

    /// Whether the file has an entry for exactly this registry and path, be it an empty one.
    func hasEntry(for key: CredentialKey) throws -> Bool { try !keys(for: key).isEmpty }

    /// All spellings of exactly this registry and path that are in the file.
    func keys(for key: CredentialKey) throws -> [String] {
        try members(of: "auths").map(\.key).filter { $0 == key.text || key.path.isEmpty && key.isRegistry(of: $0) }
    }

    /// Everything that the file or a helper for one registry may have something for.
    func allKeys() throws -> [String] { try (members(of: "auths") + members(of: "credHelpers")).map(\.key) }

    private func entry(for key: CredentialKey) throws -> (key: String, entry: JSON)? {
        let entries = try members(of: "auths")
        for candidate in key.candidates {
            if let entry = entries.first(where: { $0.key == candidate }) { return (entry.key, entry.value) }
        }
        return entries.first { key.isRegistry(of: $0.key) }.map { ($0.key, $0.value) }
    }

    private func members(of name: String) throws -> [JSON.Object.Member] {
        guard let value = root[name], value != .null else { return [] }
        guard let object = value.object else { throw CredentialFailure.notAnObject(name) }
        return object.members
    }

    private static func credentials(in entry: JSON, key: String) throws -> Credentials? {
        var username = entry["username"]?.string ?? ""
        var password = entry["password"]?.string ?? ""
        if let auth = entry["auth"]?.string, !auth.isEmpty {
            // Some writers pad with zero bytes.
            guard let bytes = Base64.bytes(of: auth.trimmed),
                let text = String(validating: bytes.filter { $0 != 0 }, as: UTF8.self),
                let colon = text.firstIndex(of: ":")
            else { throw CredentialFailure.malformedEntry(key: key) }
            username = String(text[..<colon])
            password = String(text[text.index(after: colon)...])
        }
        if let token = entry["registrytoken"]?.string, !token.isEmpty {
            return Credentials(username: username, .registryToken(token))
        }
        if let token = entry["identitytoken"]?.string, !token.isEmpty {
            return Credentials(username: username, .identityToken(token))
        }
        return username.isEmpty && password.isEmpty ? nil : Credentials(username: username, password: password)
    }

    /// - Returns: `nil` when there is no such file.
    static func bytes(of path: FilePath) throws -> [UInt8]? {
        do {
            // This may be a pipe of the shell's making: then neither opening nor reading may keep us for ever.
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                try file.awaitBytes(Task.checkCancellation) { $0.count > Self.sizeLimit }
            }
        } catch Errno.noSuchFileOrDirectory, Errno.notDirectory {
            return nil
        } catch let error as Errno {
            throw FileFailure.cannot("read", path, error)
        }
    }
}
