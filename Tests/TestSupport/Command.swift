import Glibc
import Subprocess
import SystemPackage

/// A program that ran to its end, and what it said.
package struct Command: Sendable {
    /// The exit status, or 128 plus the number of the signal that ended it.
    package let status: Int32
    package let output: String
    package let errors: String

    /// Runs a program, found in `PATH` unless its name has a slash, and waits for its end.
    ///
    /// `environment` is added to that of the tests.
    package static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], in directory: FilePath? = nil
    ) async throws -> Command {
        var changed: [Environment.Key: String?] = [:]
        for (key, value) in environment { changed[Environment.Key(stringLiteral: key)] = value }
        let result = try await Subprocess.run(
            program.contains("/") ? .path(FilePath(program)) : .name(program), arguments: Arguments(arguments),
            environment: .inherit.updating(changed), workingDirectory: directory,
            output: .string(limit: 16 << 20), error: .string(limit: 16 << 20))
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let number): 128 + number
            }
        return Command(
            status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// Whether a program is in `PATH`; in CI everything counts as there, so that what is missing fails.
    package static func isExpected(_ program: String) -> Bool {
        if getenv("CI").map({ String(cString: $0) }) == "true" { return true }
        let directories = getenv("PATH").map { String(cString: $0) } ?? ""
        return directories.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// The repository, found from this file.
    package static var repository: FilePath {
        FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
    }

    /// The release binary of `esgz`, which tests of the whole program run.
    package static var esgz: String {
        repository.appending(".build/release/esgz").string
    }
}
