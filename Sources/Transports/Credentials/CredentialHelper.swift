import Content
import Glibc
import Subprocess
import SystemPackage

/// A program that keeps credentials, in the protocol of `docker-credential-…`.
struct CredentialHelper: Sendable {
    /// A secret, or a complaint. Tokens of some clouds have several kilobytes.
    private static let outputLimit = 1 << 20

    /// Long enough for somebody to type the passphrase of a key ring.
    var timeLimit: Duration = .seconds(60)
    let program: String
    private let variables: [String: String]

    /// - Parameters:
    ///   - name: as files have it, without `docker-credential-`.
    ///   - variables: added to the environment of the program.
    /// - Throws: when the name could lead out of `PATH`.
    init(_ name: String, variables: [String: String]) throws {
        guard !name.isEmpty, !name.contains("/"), !name.utf8.contains(0) else {
            throw CredentialFailure.helperName(name)
        }
        program = "docker-credential-\(name)"
        self.variables = variables
    }

    /// - Returns: `nil` when the helper has nothing for this server.
    func get(_ server: String) async throws -> CredentialFinding? {
        let answer = try await run("get", server)
        if answer.isNotFound { return nil }
        try check(answer, "get")
        // What the parser would say of it could show what is in it.
        guard let root = try? JSON(parsing: answer.output), let username = root["Username"]?.string,
            let secret = root["Secret"]?.string
        else { throw CredentialFailure.helperAnswer(program: program) }
        if username.isEmpty { return .anonymous }
        return .found(
            username == "<token>"
                ? Credentials(username: "", .identityToken(secret)) : Credentials(username: username, password: secret))
    }

    func store(_ credentials: Credentials, for server: String) async throws {
        var entry = JSON.Object()
        entry["ServerURL"] = .string(server)
        entry["Username"] = .string(credentials.username)
        entry["Secret"] = .string(credentials.secretText)
        let answer = try await run("store", String(decoding: JSON.object(entry).text, as: UTF8.self))
        try check(answer, "store", hiding: credentials.secrets)
    }

    func erase(_ server: String) async throws {
        let answer = try await run("erase", server)
        if !answer.isNotFound { try check(answer, "erase") }
    }

    private struct Answer {
        let status: TerminationStatus
        let output: [UInt8]
        let complaint: [UInt8]

        /// The protocol has no other sign than this text, which helpers print on either stream.
        var isNotFound: Bool {
            !status.isSuccess
                && [output, complaint].contains {
                    String(decoding: $0, as: UTF8.self).lowercased().contains("credentials not found")
                }
        }
    }

    /// Never shows what the helper printed on stdout: it could be a secret whatever its status is.
    private func check(_ answer: Answer, _ verb: String, hiding secrets: [String] = []) throws {
        guard !answer.status.isSuccess else { return }
        let text = String(decoding: answer.complaint.prefix(500), as: UTF8.self)
        let status =
            switch answer.status {
            case .exited(let code): "failed to \(verb) with status \(code)"
            case .signaled(let number): "was ended by signal \(number)"
            }
        throw CredentialFailure.helperFailed(
            program: program, status: status,
            complaint: secrets.contains { text.contains($0) } ? "" : text.trimmed.printable)
    }

    private func run(_ verb: String, _ input: String) async throws -> Answer {
        do {
            return try await withThrowingTaskGroup(of: Answer.self) { group in
                group.addTask { try await answer(verb, input) }
                group.addTask {
                    try await Task.sleep(for: timeLimit)
                    throw CredentialFailure.helperTimedOut(program: program, after: timeLimit)
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() else { throw CancellationError() }
                // Then it did not end by itself.
                try Task.checkCancellation()
                return answer
            }
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            switch error.code {
            case .executableNotFound: throw CredentialFailure.helperMissing(program: program)
            case .outputLimitExceeded:
                throw CredentialFailure.helperTooLoud(program: program, limit: Self.outputLimit)
            default:
                throw CredentialFailure.helperFailed(
                    program: program, status: "could not be run", complaint: error.description.printable)
            }
        }
    }

    private func answer(_ verb: String, _ input: String) async throws -> Answer {
        var changes: [Environment.Key: String?] = [:]
        for (name, value) in variables { changes[Environment.Key(stringLiteral: name)] = value }
        let result = try await Subprocess.run(
            .name(program), arguments: [verb], environment: .inherit.updating(changes),
            input: .fileDescriptor(try Self.pipe(holding: input), closeAfterSpawningProcess: true),
            output: .bytes(limit: Self.outputLimit), error: .bytes(limit: Self.outputLimit))
        return Answer(
            status: result.terminationStatus, output: result.standardOutput, complaint: result.standardError)
    }

    /// A pipe that is filled already: a helper may end without having read any of it, which must not matter.
    private static func pipe(holding text: String) throws -> FileDescriptor {
        // What a pipe holds.
        let limit = 64 << 10
        guard text.utf8.count <= limit else { throw CredentialFailure.tooLarge(limit: limit) }
        let ends = try FileDescriptor.pipe()
        for end in [ends.readEnd, ends.writeEnd] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        return try ends.writeEnd.closeAfter {
            do {
                // More than the pipe holds would wait for a reader forever.
                guard fcntl(ends.writeEnd.rawValue, F_SETFL, O_NONBLOCK) == 0 else { throw Errno(rawValue: errno) }
                try ends.writeEnd.writeAll(text.utf8)
                return ends.readEnd
            } catch let error as Errno {
                try ends.readEnd.close()
                throw error
            }
        }
    }
}
