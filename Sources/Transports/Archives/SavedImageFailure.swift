import Content
import SystemPackage

/// An archive of `docker save` does not have the image that was asked for, or not in a form that can be read.
package enum SavedImageFailure: Failure {
    case tooOld(FilePath)
    case notAList
    case nameNeeded(FilePath, location: String, names: [String], count: Int)
    case noSuchPosition(FilePath, Int, count: Int)

    package var kind: FailureKind {
        switch self {
        case .tooOld: .unsupported
        case .notAList: .invalid
        case .nameNeeded: .usage
        case .noSuchPosition: .notFound
        }
    }

    package var description: String {
        switch self {
        case .tooOld(let path): "\(path) was saved by Docker before 1.10; load and save it with a current one first"
        case .notAList: "expected a list of images"
        case .nameNeeded(let path, let location, let names, let count):
            "\(path) holds \(count) images; name one with \(location):NAME, where NAME is one of \(names.listed), "
                + "or with \(location):@N, where N counts from 0"
        case .noSuchPosition(let path, let position, let count):
            "\(path) holds no image @\(position); there are @0 to @\(count - 1)"
        }
    }
}
