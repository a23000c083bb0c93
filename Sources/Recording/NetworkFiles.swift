import Content
import SystemPackage

/// The files by which a C library finds other machines; runtimes lay them over those of the image.
struct NetworkFiles {
    /// A public server, where nothing else is said.
    private static let defaultNameServer = "8.8.8.8"

    let request: WorkloadRequest

    /// Writes them into a directory.
    ///
    /// - Returns: where each belongs in the container.
    func write(into directory: RunDirectory) throws -> [(destination: String, source: FilePath)] {
        try [("hosts", hosts), ("hostname", RuntimeSpecification.hostName + "\n"), ("resolv.conf", resolver)].map {
            name, text in
            ("/etc/" + name, try directory.write(Array(text.utf8), as: name, permissions: 0o644))
        }
    }

    private var hosts: String {
        let own = request.usesHostNetwork ? Self.textOfHost("/etc/hosts") : nil
        let base =
            own ?? "127.0.0.1\tlocalhost \(RuntimeSpecification.hostName)\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        return base + request.hosts.map { "\($0.address)\t\($0.name)\n" }.joined()
    }

    private var resolver: String {
        let isSaid = !(request.nameServers + request.searchDomains + request.resolverOptions).isEmpty
        if request.usesHostNetwork, !isSaid, let own = Self.textOfHost("/etc/resolv.conf") { return own }
        let servers = request.nameServers.isEmpty ? [Self.defaultNameServer] : request.nameServers
        let lists = [("search", request.searchDomains), ("options", request.resolverOptions)].filter { !$0.1.isEmpty }
        return servers.map { "nameserver \($0)\n" }.joined()
            + lists.map { "\($0.0) \($0.1.joined(separator: " "))\n" }.joined()
    }

    /// `nil` where the machine has no such file, as small containers do.
    private static func textOfHost(_ path: FilePath) -> String? {
        guard let bytes = try? FileSlice(opening: path).bytes() else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
