import Archive
import Content
import SystemPackage

/// Why a file system could not be written.
enum UnpackingFailure: Failure {
    case cannot(String, EntryPath, in: FilePath, Errno)
    case noSuchPath(EntryPath)
    case zeroInName(EntryPath)
    case owner(EntryPath, Int64)
    case device(EntryPath, major: Int64, minor: Int64)

    var kind: FailureKind {
        switch self {
        case .cannot(_, _, _, .fileNameTooLong), .cannot(_, _, _, .fileTooLarge), .zeroInName, .owner, .device: .invalid
        case .cannot: .io
        case .noSuchPath: .notFound
        }
    }

    var description: String {
        switch self {
        case .cannot(let verb, let path, let directory, .noSpace):
            "cannot \(verb) \(path.description.brief) in \(directory): no space left; choose a directory with more"
        case .cannot(let verb, let path, let directory, .noFunction):
            "cannot \(verb) \(path.description.brief) in \(directory): this needs openat2, which Linux has from version 5.6 on"
        case .cannot(let verb, let path, let directory, .fileTooLarge):
            "cannot \(verb) \(path.description.brief) in \(directory): the image says a size that no file can have there"
        case .cannot(let verb, let path, let directory, let error):
            "cannot \(verb) \(path.description.brief) in \(directory): \(error)"
        case .noSuchPath(let path): "\(path.description.brief): the image has no such file"
        case .zeroInName(let path): "\(path.description.brief): expected a name without a zero byte"
        case .owner(let path, let id):
            "\(path.description.brief): expected an owner from 0 to \(UInt32.max - 1), not \(id)"
        case .device(let path, let major, let minor):
            "\(path.description.brief): expected a device from 0:0 to 4095:1048575, not \(major):\(minor)"
        }
    }
}
