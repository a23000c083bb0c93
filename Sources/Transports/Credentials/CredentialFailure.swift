import Content
import SystemPackage

/// Credentials are written down in a way that cannot be read, or cannot be got at.
package enum CredentialFailure: Failure {
    case notAnObject(String)
    case notAString(String)
    case malformedEntry(key: String)
    case tooLarge(limit: Int)
    case missingFile(FilePath)
    case notAFile(FilePath)
    case notARegistry(String)
    case helperName(String)
    case helperMissing(program: String)
    case helperTimedOut(program: String, after: Duration)
    case helperTooLoud(program: String, limit: Int)
    case helperFailed(program: String, status: String, complaint: String)
    case helperAnswer(program: String)
    case cannotWrite(FilePath, Errno)
    case notForHelpers(program: String, key: String)

    package var kind: FailureKind {
        switch self {
        case .notAnObject, .notAString, .malformedEntry, .tooLarge, .helperName, .helperAnswer, .helperTooLoud:
            .invalid
        case .notARegistry, .notForHelpers, .missingFile: .usage
        case .notAFile, .helperMissing, .helperTimedOut, .helperFailed, .cannotWrite: .io
        }
    }

    package var description: String {
        switch self {
        case .notAnObject(let key): key.isEmpty ? "expected a JSON object" : "expected an object under '\(key)'"
        case .notAString(let key): "expected a string under '\(Self.short(key))'"
        case .malformedEntry(let key):
            "auths: '\(Self.short(key))': expected 'auth' to be USER:PASSWORD in Base64; log in again to mend it"
        case .tooLarge(let limit): "expected at most \(limit) bytes"
        case .missingFile(let path): "\(path): this file with credentials does not exist; 'esgz login' makes it"
        case .notAFile(let path): "\(path): expected a file, which credentials can be written to"
        case .notARegistry(let text):
            "expected a registry such as ghcr.io or localhost:5000, not '\(URLFailure(text).text.printable)'"
        case .helperName(let name):
            "expected the name of a credential helper, without a slash, not '\(Self.short(name))'"
        case .helperMissing(let program):
            "\(program.printable), the credential helper, is not in PATH; install it, or take it out of this file"
        case .helperTimedOut(let program, let limit):
            "\(program.printable): the credential helper has not answered within \(limit.components.seconds) s"
        case .helperTooLoud(let program, let limit):
            "\(program.printable): expected the credential helper to say at most \(limit) bytes, but it says more"
        case .helperFailed(let program, let status, let complaint):
            "\(program.printable): the credential helper \(status)" + (complaint.isEmpty ? "" : ": \(complaint)")
        case .helperAnswer(let program):
            "\(program.printable): expected the credential helper to answer with an object of Username and Secret"
        case .cannotWrite(let path, let error): "cannot write \(path): \(error)"
        case .notForHelpers(let program, let key):
            "\(program.printable) keeps credentials of whole registries; '\(Self.short(key))' has a path"
        }
    }

    private static func short(_ text: String) -> String { text.prefix(200).printable }
}
