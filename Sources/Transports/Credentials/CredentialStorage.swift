import Content
import Glibc
import SystemPackage

/// The file that logins are written to, and the credential helpers that it names.
///
/// What else is in the file stays as it is, in its order.
struct CredentialStorage {
    private let path: FilePath
    /// For messages.
    private let name: String
    private let variables: [String: String]

    /// - Parameters:
    ///   - path: a file that exists, or is to be made.
    ///   - variables: added to the environment of credential helpers.
    /// - Throws: when something else than a file is there.
    init(at path: FilePath, variables: [String: String]) throws {
        self.path = try Self.followingLinks(path)
        name = path.string.printable
        self.variables = variables
        // A device or a pipe would be replaced by a file.
        guard let type = try? self.path.stat().type, type != .regular else { return }
        throw CredentialFailure.notAFile(path)
    }

    /// Keeps credentials in the helper for their registry, else in the file.
    ///
    /// - Returns: the program that keeps them now; `nil` for the file.
    func store(_ credentials: Credentials, for key: CredentialKey) async throws -> String? {
        let helper = try read { try $0.helper(for: key) }
        var entry = JSON.object(JSON.Object())
        if let helper {
            guard key.path.isEmpty else {
                throw CredentialFailure.notForHelpers(program: helper.program, key: key.text)
            }
            try await context(name) { try await helper.store(credentials, for: key.serverURL) }
        } else {
            entry["auth"] = .string(String(credentials.basic.dropFirst("Basic ".count)))
        }
        // Docker takes those for logged in that have an entry, and be it an empty one.
        try await replaceEntries(for: key, with: (key.path.isEmpty ? key.serverURL : key.text, entry))
        return helper?.program
    }

    /// Forgets credentials.
    ///
    /// - Returns: whether there were any.
    func erase(_ key: CredentialKey) async throws -> Bool {
        let hasEntry = try read { try $0.hasEntry(for: key) }
        var wasThere = hasEntry
        if key.path.isEmpty, let helper = try read({ try $0.helper(for: key) }) {
            try await context(name) {
                guard try await helper.get(key.serverURL) != nil else { return }
                try await helper.erase(key.serverURL)
                wasThere = true
            }
        }
        if hasEntry { try await replaceEntries(for: key, with: nil) }
        return wasThere
    }

    /// Forgets all credentials of the file and of the helpers that it names.
    ///
    /// - Returns: the keys that there were any for, in their order.
    func eraseAll() async throws -> [CredentialKey] {
        var keys: [CredentialKey] = []
        for text in try read({ try $0.allKeys() }) {
            // What names no registry was not written by a login.
            guard let key = try? CredentialKey(parsing: text), !keys.contains(key) else { continue }
            if try await erase(key) { keys.append(key) }
        }
        return keys
    }

    private func read<Result>(_ body: (CredentialFile) throws -> Result) throws -> Result {
        let file = try CredentialFile(parsing: try bytes(), name: name, variables: variables)
        return try context(name) { try body(file) }
    }

    private func bytes() throws -> [UInt8] { try CredentialFile.bytes(of: path) ?? [] }

    /// Removes all spellings of a key, of which another one would be found first, and adds the new one.
    private func replaceEntries(for key: CredentialKey, with new: (key: String, entry: JSON)?) async throws {
        try await whileNobodyElseWrites {
            let bytes = try bytes()
            let file = try CredentialFile(parsing: bytes, name: name)
            var auths = file.root["auths"].flatMap { $0 == .null ? nil : $0 } ?? .object(JSON.Object())
            for other in try context(name, { try file.keys(for: key) }) where other != new?.key { auths[other] = nil }
            if let new { auths[new.key] = new.entry }
            var root = file.root
            root["auths"] = auths
            try save(root, inTheStyleOf: bytes)
        }
    }

    /// Runs `body` when no other login or logout does the same; else of two at a time one would get lost.
    private func whileNobodyElseWrites(_ body: () throws -> Void) async throws {
        let directory = path.removingLastComponent()
        do {
            try Self.makeDirectory(directory)
            // The file itself is another one each time.
            let lock = try FileDescriptor.open(directory.isEmpty ? "." : directory, .readOnly, options: .closeOnExec)
            defer { close(lock.rawValue) }
            // Other errors mean that this file system knows no locks.
            while flock(lock.rawValue, LOCK_EX | LOCK_NB) != 0, [EWOULDBLOCK, EINTR].contains(errno) {
                try await Task.sleep(for: .milliseconds(10))
            }
            try body()
        } catch let error as Errno {
            throw CredentialFailure.cannotWrite(path, error)
        }
    }

    /// Writes aside and renames, so that no reader sees half of it.
    private func save(_ root: JSON, inTheStyleOf former: [UInt8]) throws {
        // Docker and Podman indent with tabs.
        let firstLine = former.drop { $0 != UInt8(ascii: "\n") }.dropFirst().prefix { $0 == 0x20 || $0 == 0x09 }
        let indentation = firstLine.isEmpty ? "\t" : String(decoding: firstLine, as: UTF8.self)
        let text = root.text(indentedBy: indentation) + (former.last == UInt8(ascii: "\n") ? "\n" : "")
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
