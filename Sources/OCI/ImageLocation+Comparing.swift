import Glibc
import SystemPackage

extension ImageLocation {
    /// Whether writing to this place would replace the image at `other`.
    package func isSamePlace(as other: ImageLocation) -> Bool {
        switch (self, other) {
        case (.registry(let mine), .registry(let theirs)):
            mine.registry == theirs.registry && mine.repository == theirs.repository && theirs.digest == nil
                && mine.tag == theirs.tag
        case (.layout(let mine, let myTag), .layout(let theirs, let theirTag)):
            myTag == theirTag && Self.resolved(mine) == Self.resolved(theirs)
        default: false
        }
    }

    /// The directory without symbolic links; as typed where there is none yet.
    private static func resolved(_ path: FilePath) -> String {
        guard let real = realpath(path.string, nil) else { return path.lexicallyNormalized().string }
        defer { free(real) }
        return String(cString: real)
    }
}
