import Content

/// A profile cannot be read, or does not fit an image.
package enum ProfileFailure: Failure {
    case binary
    case tooLarge(limit: Int64)
    case tooManyEntries(limit: Int)
    case tooManyPatterns(limit: Int)
    case longPath(limit: Int)
    case zeroInPath
    case notUTF8
    case noPath
    case noArray
    case noFiles
    case openBracket(String)
    case empty
    case missing(Int, names: String)

    package var kind: FailureKind { .invalid }

    package var description: String {
        switch self {
        case .binary: "expected text, not a file with zero bytes"
        case .tooLarge(let limit): "expected a profile of at most \(limit) bytes"
        case .tooManyEntries(let limit): "expected at most \(limit) different paths"
        case .tooManyPatterns(let limit): "expected at most \(limit) different patterns"
        case .longPath(let limit): "expected a path of at most \(limit) bytes"
        case .zeroInPath: "expected a path without zero bytes"
        case .notUTF8: "expected UTF-8"
        case .noPath: "expected a path that is a text"
        case .noArray: "expected a JSON array of paths"
        case .noFiles: "expected a JSON object with an array 'files'"
        case .openBracket(let text):
            "the pattern '\(text.prefix(200))' has a bracket without an end; put \\ before one that is meant as it stands"
        case .empty: "the profile names no path; correct it, or name its format with --profile-format"
        case .missing(let count, let names):
            "\(count) of the profile's paths are not in the image: \(names); correct the profile, or leave out --strict"
        }
    }
}
