import FoundationEssentials
import Glibc
import SystemPackage

/// Debian's `docker-registry` on a free loopback port, with storage in a directory that the test removes.
package final class LocalRegistry: Sendable {
    package static let program = "/usr/bin/docker-registry"

    /// Whether tests that need it are to run: in CI always, so that a missing program fails them.
    package static var isExpected: Bool {
        ProcessInfo.processInfo.environment["CI"] == "true" || access(program, X_OK) == 0
    }

    /// Host and port, as references have it.
    package let name: String
    package let port: Int
    private let process: pid_t

    /// Starts a registry and waits until it listens.
    ///
    /// - Parameters:
    ///   - directory: for its configuration, log and storage.
    ///   - user: a name and password to demand, checked against a file that `htpasswd` writes.
    ///   - host: `127.0.0.1`, or another name of this machine.
    ///   - certificate: a certificate and its key, to speak TLS.
    ///   - clientAuthority: whose certificates clients must show.
    ///   - tokens: who gives out the tokens to demand.
    ///   - inMemory: keep nothing on disk, where many small files are slow to remove.
    ///   - deletes: let blobs and manifests be deleted.
    ///   - logsRequests: note each request in `registry.log`, as Apache does.
    /// - Throws: when a program is missing, or the registry ends at once.
    package init(
        in directory: FilePath, user: (name: String, password: String)? = nil, host: String = "127.0.0.1",
        certificate: (certificate: FilePath, key: FilePath)? = nil, clientAuthority: FilePath? = nil,
        tokens: TokenIssuer? = nil, inMemory: Bool = false, deletes: Bool = true, logsRequests: Bool = false
    ) throws {
        port = try Self.freePort()
        name = "\(host):\(port)"
        let storage = inMemory ? "inmemory: {}" : "filesystem: {rootdirectory: \(directory)/storage}"
        var configuration = """
            version: 0.1
            log: {accesslog: {disabled: \(!logsRequests)}, level: error}
            storage: {\(storage), delete: {enabled: \(deletes)}}
            http:
              addr: 127.0.0.1:\(port)
            """
        if let certificate {
            let authorities = clientAuthority.map { ", clientcas: [\($0)]" } ?? ""
            configuration += "\n  tls: {certificate: \(certificate.certificate), key: \(certificate.key)\(authorities)}"
        }
        if let user {
            let passwords = directory.appending("htpasswd")
            try Self.run(["/usr/bin/htpasswd", "-Bbn", user.name, user.password], output: passwords)
            configuration += "\nauth: {htpasswd: {realm: test, path: \(passwords)}}"
        }
        if let tokens { configuration += "\nauth: {token: \(tokens.configuration)}" }
        let path = directory.appending("registry.yml")
        try write(Array(configuration.utf8), to: path)
        process = try Self.start([Self.program, "serve", path.string], output: directory.appending("registry.log"))
        try Self.waitUntilListening(process, port)
    }

    /// Ends the program. Whoever made the registry calls this.
    package func stop() { Self.stop(process) }

    fileprivate static func stop(_ process: pid_t) {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
    }

    fileprivate static func waitUntilListening(_ process: pid_t, _ port: Int) throws {
        for _ in 0..<500 {
            var status: Int32 = 0
            guard waitpid(process, &status, WNOHANG) == 0 else { throw LocalRegistryFailure(what: "ended: \(status)") }
            if let connection = try? Self.connection(to: port) {
                close(connection)
                return
            }
            usleep(20_000)
        }
        stop(process)
        throw LocalRegistryFailure(what: "does not listen")
    }

    fileprivate static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try withAddress(port: 0) { address, length in
            guard bind(descriptor, address, length) == 0 else { throw Errno(rawValue: errno) }
            var length = length
            guard getsockname(descriptor, address, &length) == 0 else { throw Errno(rawValue: errno) }
        }
    }

    private static func connection(to port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = try withAddress(port: port) { address, length in
            guard connect(descriptor, address, length) == 0 else {
                close(descriptor)
                throw Errno(rawValue: errno)
            }
        }
        return descriptor
    }

    /// - Returns: the port in the address after `body`.
    private static func withAddress(
        port: Int, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) throws -> Void
    ) throws -> Int {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Makes a certificate that signs itself, and its key.
    ///
    /// - Parameters:
    ///   - directory: where they go.
    ///   - name: their name there.
    ///   - subject: what it is for, as OpenSSL has it.
    /// - Returns: where they are.
    /// - Throws: when the program is missing.
    package static func certificate(
        in directory: FilePath, named name: String = "server", for subject: String = "IP:127.0.0.1"
    ) throws -> (certificate: FilePath, key: FilePath) {
        let (certificate, key) = (directory.appending("\(name).crt"), directory.appending("\(name).key"))
        try run(
            [
                "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=\(subject)",
                "-out", certificate.string, "-keyout", key.string,
            ], output: directory.appending("openssl.log"))
        return (certificate, key)
    }

    /// Runs a program to its end, with its output in a file.
    static func run(_ arguments: [String], output: FilePath) throws {
        let process = try start(arguments, output: output)
        var status: Int32 = 0
        guard waitpid(process, &status, 0) == process, status == 0 else {
            throw LocalRegistryFailure(what: "\(arguments[0]) failed: \(status)")
        }
    }

    fileprivate static func start(_ arguments: [String], output: FilePath) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output.string, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "\(output).err", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var words = arguments.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, arguments[0], &actions, nil, &words, environ)
        guard status == 0 else { throw LocalRegistryFailure(what: "cannot start \(arguments[0]): \(status)") }
        return process
    }
}

/// A server that has one answer, over TLS.
package final class TLSPage: Sendable {
    package let port: Int
    private let process: pid_t

    /// - Parameters:
    ///   - directory: for the files that it serves.
    ///   - pair: its certificate and key.
    ///   - answer: head and body.
    ///   - path: what it answers so, without the slash in front.
    /// - Throws: when it cannot be started.
    package init(
        in directory: FilePath, _ pair: (certificate: FilePath, key: FilePath), _ answer: String, at path: FilePath
    ) throws {
        let root = directory.appending("page")
        try write(Array(answer.utf8), to: root.pushing(path))
        port = try LocalRegistry.freePort()
        process = try LocalRegistry.start(
            [
                "/bin/sh", "-c", #"cd "$0" && exec "$@""#, root.string, "/usr/bin/openssl", "s_server", "-accept",
                "127.0.0.1:\(port)", "-cert", pair.certificate.string, "-key", pair.key.string, "-HTTP", "-quiet",
            ], output: directory.appending("page.log"))
        try LocalRegistry.waitUntilListening(process, port)
    }

    package func stop() { LocalRegistry.stop(process) }
}

private struct LocalRegistryFailure: Error {
    let what: String
}
