import Content
import Glibc
import OCI
import SystemPackage

/// Where the files are that say which hosts images are pulled from.
package struct MirrorSettings: Sendable {
    /// Each may have a directory for a registry with `hosts.toml` in it.
    package var hostsDirectories: [FilePath] = []
    /// Files in the format of `registries.conf`, later ones over earlier ones.
    package var registriesFiles: [FilePath] = []

    /// No files: every image is pulled from where its name says.
    package init() {}

    /// The files of this machine and this user.
    ///
    /// - Parameters:
    ///   - hostsDirectory: instead of those that containerd and Docker use; must exist.
    ///   - registriesFile: instead of `$CONTAINERS_REGISTRIES_CONF` and the files that Podman reads; stands alone.
    /// - Throws: when what was named is not there.
    package init(hostsDirectory: FilePath?, registriesFile: FilePath?) throws {
        if let hostsDirectory {
            guard hostsDirectory.isDirectory else { throw ConfigurationFailure.missing(hostsDirectory) }
            hostsDirectories = [hostsDirectory]
        } else {
            hostsDirectories = ["/etc/containerd/certs.d", "/etc/docker/certs.d"]
        }
        let named = registriesFile ?? environment("CONTAINERS_REGISTRIES_CONF")
        registriesFiles =
            named.map { [$0] } ?? Self.registriesFiles(home: environment("HOME"), system: "/etc/containers")
    }

    /// The files that Podman would read.
    ///
    /// A file of the user replaces that of the system with all its drop-ins; else drop-ins of both are read, those of
    /// the user last.
    static func registriesFiles(home: FilePath?, system: FilePath) -> [FilePath] {
        let user = home?.appending(".config").appending("containers")
        if let user, user.appending("registries.conf").exists {
            return [user.appending("registries.conf")] + dropIns(in: user)
        }
        let file = system.appending("registries.conf")
        return (file.exists ? [file] : []) + dropIns(in: system) + (user.map { dropIns(in: $0) } ?? [])
    }

    private static func dropIns(in directory: FilePath) -> [FilePath] {
        let directory = directory.appending("registries.conf.d")
        return directory.sortedNames.filter { $0.hasSuffix(".conf") }.map { directory.appending($0) }
    }
}

func environment(_ name: String) -> FilePath? {
    getenv(name).map { FilePath(String(cString: $0)) }.flatMap { $0.isEmpty ? nil : $0 }
}

extension FilePath {
    var exists: Bool { access(string, F_OK) == 0 }

    /// `false` also for what is not there.
    var isDirectory: Bool { (try? stat())?.type == .directory }

    /// The names in a directory. One that this user may not read is one that is not there, as for Podman.
    var sortedNames: [String] {
        guard let stream = opendir(string) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.sorted()
    }
}
