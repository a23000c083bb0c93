import Glibc
import SystemPackage

extension FilePath {
    /// Where writing would go: the path without symbolic links, also where they lead to what is not there yet.
    package var resolved: FilePath {
        var path = self
        // As many links as Linux follows.
        for _ in 0..<40 {
            if let real = path.real { return real }
            guard let target = path.linkTarget else { break }
            path = path.removingLastComponent().pushing(target)
        }
        let directory = path.removingLastComponent()
        guard let name = path.lastComponent, name.kind == .regular,
            let real = directory.isEmpty ? FilePath(".").real : directory.real
        else { return path.lexicallyNormalized() }
        return real.appending(name)
    }

    /// `nil` where there is nothing.
    private var real: FilePath? {
        guard let real = realpath(string, nil) else { return nil }
        defer { free(real) }
        return FilePath(String(cString: real))
    }

    /// What a symbolic link says; `nil` for everything else.
    private var linkTarget: FilePath? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(string, &bytes, bytes.count)
        return count > 0 ? FilePath(String(decoding: bytes[..<count], as: UTF8.self)) : nil
    }
}
