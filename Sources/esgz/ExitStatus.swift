import Content

/// The documented exit statuses; the only place that knows numbers.
enum ExitStatus: Int32 {
    case success = 0
    case failure = 1
    case usage = 2
    case notFound = 3
    case denied = 4
    case unavailable = 5
    case broken = 6
    case limit = 7
    case invalid = 8
    /// Becomes 130 or 143, after the signal.
    case interrupted = 130

    init(_ error: any Error) {
        guard let failure = error as? any Failure else {
            self = error is CancellationError ? .interrupted : .failure
            return
        }
        switch failure.kind {
        case .usage: self = .usage
        case .notFound: self = .notFound
        case .denied: self = .denied
        case .unavailable: self = .unavailable
        case .broken: self = .broken
        case .limit: self = .limit
        case .invalid, .unsupported: self = .invalid
        case .io: self = .failure
        }
    }
}
