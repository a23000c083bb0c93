/// What went wrong, as far as a script needs to know; the exit status follows from it.
package enum FailureKind: Sendable {
    /// The caller asked for something that makes no sense.
    case usage
    /// The source does not exist.
    case notFound
    /// Credentials are missing or not good enough.
    case denied
    /// A network or a registry did not answer as it should, after retries.
    case unavailable
    /// A check found that a promise is not kept.
    case broken
    /// A limit that the user set was exceeded.
    case limit
    /// Input is malformed.
    case invalid
    /// Input is well-formed, but of a kind that cannot be converted.
    case unsupported
    /// The local machine failed: disk, permissions, memory.
    case io
}

/// An error that `esgz` itself raises. Its message names the thing, what was found and what was expected.
package protocol Failure: Error, CustomStringConvertible {
    var kind: FailureKind { get }
}

/// A failure with the place where it happened in front, such as `layer 3 (sha256:ab…): `.
package struct ContextualFailure: Failure {
    package let kind: FailureKind
    package let description: String
    /// What was thrown first.
    package let cause: any Error

    init(_ text: String, _ error: any Error) {
        let inner = error as? any Failure
        kind = inner?.kind ?? .io
        let message = inner?.description ?? String(describing: error)
        // Some failures name the thing themselves.
        description = message.hasPrefix("\(text): ") ? message : "\(text): \(message)"
        cause = (error as? ContextualFailure)?.cause ?? error
    }
}

/// Puts `text` in front of any error thrown by `body`, and keeps its kind. Cancellation passes unchanged.
package func context<Result>(_ text: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error where !(error is CancellationError) {
        throw ContextualFailure(text(), error)
    }
}

/// Puts `text` in front of any error thrown by `body`, and keeps its kind. Cancellation passes unchanged.
package func context<Result>(
    isolation: isolated (any Actor)? = #isolation,
    _ text: @autoclosure () -> String, _ body: () async throws -> Result
) async throws -> Result {
    do {
        return try await body()
    } catch let error where !(error is CancellationError) {
        throw ContextualFailure(text(), error)
    }
}
