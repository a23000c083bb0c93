import Content

/// An image from which no profile can be told.
package enum StaticProfileFailure: Failure {
    case malformedCommand(field: String)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .malformedCommand(let field):
            "the field '\(field)' of the image's configuration is malformed: expected an array of strings; "
                + "build the image again, or give a profile"
        }
    }
}
