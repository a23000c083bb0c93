import Content

/// A registry makes no sense, or there is nothing to make sense of.
package enum ProbeFailure: Failure {
    case lost(Digest)
    case noIndex
    case nothingToRead(String, reason: String)
    case otherRegistry(String, expected: String)

    package var kind: FailureKind {
        switch self {
        case .lost, .noIndex: .unavailable
        case .nothingToRead: .notFound
        case .otherRegistry: .usage
        }
    }

    package var description: String {
        switch self {
        case .lost(let digest): "the registry took blob \(digest), but does not have it"
        case .noIndex: "the registry took no index"
        case .nothingToRead(let repository, let reason):
            "\(repository) has no image whose layers could be read, and \(reason); name a tag of one, or allow pushing"
        case .otherRegistry(let text, let expected):
            "--mount-from: expected a repository of \(expected), not '\(text.printable)'"
        }
    }
}
