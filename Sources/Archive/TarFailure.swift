import Content

package enum TarFailure: Failure {
    case malformed(String)
    case noMemory
    case truncated(String, wanted: Int64, found: Int64)
    case dataAfterEnd(offset: Int64)
    /// The names of a layer lead through too many directories.
    case tooManyDirectories(String)
    case nameTooLong(Int)
    case gap(offset: Int64)
    case unsupportedType(String, name: String)
    case slashBehindData(String)
    case badRecord(String)
    case tooLarge(limit: Int64)
    case badSparseMap(String)

    package var kind: FailureKind {
        switch self {
        case .noMemory: .io
        case .tooLarge: .limit
        case .unsupportedType, .slashBehindData: .unsupported
        default: .invalid
        }
    }

    package var description: String {
        switch self {
        case .malformed(let reason): "malformed tar: \(reason)"
        case .noMemory: "libarchive has no memory"
        case .truncated(let name, let wanted, let found):
            "\(name.brief): the tar ends within the entry: expected \(wanted) bytes, found \(found)"
        case .tooManyDirectories(let name):
            "\(name.brief): the paths of the directories that names lead through take more than "
                + "\(DirectoryBudget.limit) bytes"
        case .nameTooLong(let count):
            "expected a name of at most \(EntryPath.lengthLimit) bytes, as Linux does, not \(count)"
        case .dataAfterEnd(let offset):
            "malformed tar: expected two zero blocks at byte \(offset), found one and then more entries"
        case .gap(let offset): "malformed tar: expected a header at byte \(offset)"
        case .unsupportedType(let type, let name): "\(name.brief): tar entry type '\(type)' cannot be converted"
        case .slashBehindData(let name):
            "\(name.brief): a file with data and a slash behind its name cannot be converted"
        case .badRecord(let reason): "malformed pax record: \(reason)"
        case .tooLarge(let limit):
            "the layer is larger than \(limit) bytes uncompressed; raise the limit with --max-layer-size"
        case .badSparseMap(let name): "\(name.brief): the map of a sparse file is malformed"
        }
    }
}

/// Why a well-formed layer cannot be told truthfully in a table of contents; it then stays as it is.
package enum LayerObstacle: Failure {
    case notUTF8(String)
    case danglingHardLink(String, target: String)
    case hardLinkToDirectory(String, target: String)
    /// Unpacking follows a symbolic link and fails at a file; a table of contents can say neither.
    case belowNoDirectory(String, parent: String)

    package var kind: FailureKind { .unsupported }

    package var description: String {
        switch self {
        case .notUTF8(let name): "\(name.brief): the name is not UTF-8, which no table of contents can hold"
        case .danglingHardLink(let name, let target):
            "\(name.brief): the hard link's target \(target.brief) is not in this layer, so that no snapshotter could mount it"
        case .hardLinkToDirectory(let name, let target):
            "\(name.brief): the hard link's target \(target.brief) is a directory, which no file system can hold"
        case .belowNoDirectory(let name, let parent):
            "\(name.brief): \(parent.brief) is no directory in this layer, so that nothing can be below it in a table of contents"
        }
    }
}
