import Content
import Glibc
import SystemPackage

/// The file that logins are written to, and the credential helpers that it names.
///
/// What else is in the file stays as it is, in its order.
struct CredentialStorage {
    private let path: FilePath
    private var file: CredentialFile
    private let indentation: String
    private let ending: String

    /// - Parameters:
    ///   - path: a file that exists, or is to be made.
    ///   - variables: added to the environment of credential helpers.
    /// - Throws: when it is malformed.
    init(at path: FilePath, variables: [String: String]) throws {
        self.path = try Self.followingLinks(path)
        let bytes = try CredentialFile.bytes(of: path) ?? []
        file = try CredentialFile(parsing: bytes, name: path.string.printable, variables: variables)
        // Docker and Podman indent with tabs.
        let firstLine = bytes.drop { $0 != UInt8(ascii: "\n") }.dropFirst().prefix { $0 == 0x20 || $0 == 0x09 }
        indentation = firstLine.isEmpty ? "\t" : String(decoding: firstLine, as: UTF8.self)
        ending = bytes.last == UInt8(ascii: "\n") ? "\n" : ""
    }

    /// Keeps credentials in the helper for their registry, else in the file.
    ///
    /// - Returns: the program that keeps them now; `nil` for the file.
    mutating func store(_ credentials: Credentials, for key: CredentialKey) async throws -> String? {
        let helper = try context(file.name) { try file.helper(for: key) }
        var entry = JSON.object(JSON.Object())
        if let helper {
            guard key.path.isEmpty else {
                throw CredentialFailure.notForHelpers(program: helper.program, key: key.text)
            }
            try await context(file.name) { try await helper.store(credentials, for: key.serverURL) }
        } else {
            entry["auth"] = .string(String(credentials.basic.dropFirst("Basic ".count)))
        }
        // Docker takes those for logged in that have an entry, and be it an empty one.
        let preferred = key.path.isEmpty ? key.serverURL : key.text
        try removeEntries(for: key, except: preferred)
        edit { $0[preferred] = entry }
        try save()
        return helper?.program
    }

    /// Forgets credentials.
    ///
    /// - Returns: whether there were any.
    mutating func erase(_ key: CredentialKey) async throws -> Bool {
        var wasThere = try context(file.name) { try file.hasEntry(for: key) }
        if key.path.isEmpty, let helper = try context(file.name, { try file.helper(for: key) }) {
            try await context(file.name) {
                guard try await helper.get(key.serverURL) != nil else { return }
                try await helper.erase(key.serverURL)
                wasThere = true
            }
        }
        if try file.hasEntry(for: key) {
            try removeEntries(for: key, except: nil)
            try save()
        }
        return wasThere
    }

    /// Other spellings of the same registry, which would be found first.
    private mutating func removeEntries(for key: CredentialKey, except preferred: String?) throws {
        let keys = try context(file.name) { try file.keys(for: key) }
        edit { auths in
            for other in keys where other != preferred { auths[other] = nil }
        }
    }

    private mutating func edit(_ change: (inout JSON) -> Void) {
        var auths = file.root["auths"].flatMap { $0 == .null ? nil : $0 } ?? .object(JSON.Object())
        change(&auths)
        file.root["auths"] = auths
    }

    /// Writes aside and renames, so that no reader sees half of it.
    private func save() throws {
        let directory = path.removingLastComponent()
        let text = file.root.text(indentedBy: indentation) + ending
        do {
            try Self.makeDirectory(directory)
            var template = Array("\(path.string).XXXXXX".utf8CString)
            // Nobody else may read what mkstemp makes.
            let number = mkstemp(&template)
            guard number >= 0 else { throw Errno(rawValue: errno) }
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
            let aside = FileDescriptor(rawValue: number)
            do {
                try aside.closeAfter {
                    try aside.writeAll(text.utf8)
                    guard fsync(number) == 0 else { throw Errno(rawValue: errno) }
                }
                guard rename(template, path.string) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                unlink(template)
                throw error
            }
        } catch let error as Errno {
            throw CredentialFailure.cannotWrite(path, error)
        }
    }

    private static func makeDirectory(_ path: FilePath) throws {
        guard !path.isEmpty, access(path.string, F_OK) != 0 else { return }
        try makeDirectory(path.removingLastComponent())
        guard mkdir(path.string, 0o700) == 0 || errno == EEXIST else { throw Errno(rawValue: errno) }
    }

    /// The file that a link stands for, also one that does not exist yet: people keep their configuration elsewhere.
    private static func followingLinks(_ path: FilePath) throws -> FilePath {
        var path = path
        for _ in 0..<40 {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(path.string, &buffer, buffer.count)
            guard count > 0 else { return path }
            let target = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // An absolute target replaces everything.
            path = path.removingLastComponent().pushing(FilePath(target))
        }
        throw CredentialFailure.cannotWrite(path, .tooManySymbolicLinkLevels)
    }
}
