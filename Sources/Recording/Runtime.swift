import Glibc
import SystemPackage

/// The program that makes containers.
struct Runtime {
    private static let known = ["runc", "crun"]
    /// The bit of CAP_SYS_ADMIN (capabilities(7)), without which nothing is mounted or watched.
    private static let administrator: UInt64 = 1 << 21

    let path: FilePath

    /// Finds a runtime, and makes sure that it may do its work.
    ///
    /// - Parameter wanted: a name or path; `nil` for `runc` or else `crun`.
    /// - Throws: `RecordingFailure.missing` with all that is missing.
    init(_ wanted: String?) throws {
        let path = (wanted.map { [$0] } ?? Self.known).lazy.compactMap(Self.find).first
        var missing: [String] = []
        if geteuid() != 0 {
            missing.append("to be root")
        } else if !Self.isAdministrator {
            missing.append("the capability CAP_SYS_ADMIN, which this container lacks")
        }
        if path == nil { missing.append((wanted ?? Self.known.joined(separator: " or ")) + " in PATH") }
        guard let path, missing.isEmpty else { throw RecordingFailure.missing(missing) }
        self.path = path
    }

    private static func find(_ name: String) -> FilePath? {
        if name.contains("/") { return isProgram(FilePath(name)) ? FilePath(name).absolute : nil }
        let directories = getenv("PATH").map { String(cString: $0) } ?? ""
        return directories.split(separator: ":").map { FilePath(String($0)).appending(name) }.first(where: isProgram)?
            .absolute
    }

    private static func isProgram(_ path: FilePath) -> Bool {
        var status = stat()
        return stat(path.string, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path.string, X_OK) == 0
    }

    private static var isAdministrator: Bool {
        let name = "CapEff:"
        guard
            let line = (try? readFileOfProc("/proc/self/status"))?.split(separator: "\n").first(where: {
                $0.hasPrefix(name)
            }),
            let bits = UInt64(line.dropFirst(name.count).filter { !$0.isWhitespace }, radix: 16)
            // Where /proc says nothing, the first call that needs it will.
        else { return true }
        return bits & administrator != 0
    }
}

extension FilePath {
    /// Seen from the root; runtimes are started elsewhere.
    fileprivate var absolute: FilePath {
        guard isRelative, let directory = getcwd(nil, 0) else { return self }
        defer { free(directory) }
        return FilePath(String(cString: directory)).pushing(self)
    }
}
