import Content
import Glibc
import OCI
import SystemPackage

/// A container engine that speaks Docker's API, over its socket.
struct Engine: Sendable {
    let http: any HTTPExchanging
    let root: HTTPURL
    /// What messages call it.
    let name: String

    /// The engine of `DOCKER_HOST`, else docker's, else podman's.
    ///
    /// - Throws: when there is none, or it cannot be reached in that way.
    static func current() throws -> Engine {
        guard let host = variable("DOCKER_HOST") else { return try Engine(socket: defaultSocket()) }
        guard variable("DOCKER_TLS_VERIFY") == nil || host.hasPrefix("unix:") else {
            throw EngineFailure.unsupportedHost(host, "TLS")
        }
        return try Engine(host: host)
    }

    /// The engine at an address as `DOCKER_HOST` has it.
    init(host: String) throws {
        let parts = host.split(separator: ":", maxSplits: 1).map(String.init)
        switch (parts.first, parts.dropFirst().first) {
        case ("unix", let path?):
            try self.init(socket: FilePath(path.hasPrefix("//") ? String(path.dropFirst(2)) : path))
        case ("tcp", let address?), ("http", let address?):
            // Docker's own port, unless there is another.
            let hasPort = address.drop { $0 == "/" }.contains(":") && !address.hasSuffix("]")
            self.init(
                http: CurlClient(insecure: false, isPatient: true),
                root: try HTTPURL(parsing: "http:\(address)\(hasPort || parts.first == "http" ? "" : ":2375")"),
                name: host)
        default: throw EngineFailure.unsupportedHost(host, parts.first ?? "")
        }
    }

    private init(http: any HTTPExchanging, root: HTTPURL, name: String) {
        self.http = http
        self.root = root
        self.name = name
    }

    private init(socket: FilePath) throws {
        guard access(socket.string, R_OK | W_OK) == 0 else {
            switch Errno(rawValue: errno) {
            case .permissionDenied: throw EngineFailure.denied(socket)
            case .noSuchFileOrDirectory, .notDirectory: throw EngineFailure.noSocket(socket)
            case let error: throw FileFailure.cannot("open", socket, error)
            }
        }
        self.init(
            http: CurlClient(insecure: false, unixSocket: socket, isPatient: true),
            root: try HTTPURL(parsing: "http://localhost/"), name: "unix://\(socket)")
    }

    private static func defaultSocket() -> FilePath {
        let docker: FilePath = "/var/run/docker.sock"
        guard access(docker.string, F_OK) != 0, let directory = variable("XDG_RUNTIME_DIR") else { return docker }
        let podman = FilePath(directory).appending("podman/podman.sock")
        return access(podman.string, F_OK) == 0 ? podman : docker
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Asks the engine.
    ///
    /// - Throws: what its answer means, unless that is success.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        let response = try await http.send(request)
        guard response.isSuccess else { throw EngineFailure.status(name, response.status, Self.message(in: response)) }
        return response
    }

    private static func message(in response: HTTPResponse) -> String {
        // A proxy in between answers in something else.
        let message = (try? JSON(parsing: response.body))?["message"]?.string
        return String((message ?? String(decoding: response.body, as: UTF8.self)).prefix(500)).trimmed.printable
    }
}

/// The engine cannot be reached, or said no.
package enum EngineFailure: Failure {
    case unsupportedHost(String, String)
    case noSocket(FilePath)
    case denied(FilePath)
    case status(String, Int, String)
    case load(String, String)

    package var kind: FailureKind {
        switch self {
        case .unsupportedHost: .usage
        case .noSocket: .unavailable
        case .denied, .status(_, 401, _), .status(_, 403, _): .denied
        case .status(_, 404, _): .notFound
        case .status, .load: .unavailable
        }
    }

    package var description: String {
        switch self {
        case .unsupportedHost(let host, let scheme):
            "DOCKER_HOST is '\(host.printable)', but engines are reached by unix:///PATH or tcp://HOST:PORT only, "
                + "not by \(scheme.printable); pipe the image instead: docker save NAME | esgz … docker-archive:-"
        case .noSocket(let path):
            "no container engine: there is no socket \(path); start it, or name its socket with "
                + "DOCKER_HOST=unix:///PATH"
        case .denied(let path): "permission denied to use the engine's socket \(path); join its group, or run as root"
        case .status(let name, let status, let message):
            "the engine at \(name) answered with status \(status)" + (message.isEmpty ? "" : ": \(message)")
        case .load(let name, let message): "the engine at \(name) did not load the image: \(message)"
        }
    }
}
