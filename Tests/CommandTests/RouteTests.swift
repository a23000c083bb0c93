import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// How the program gets to registries: proxies, mirrors, certificates.
@Suite(.timeLimit(.minutes(15)))
struct RouteTests {
    // MARK: Proxies

    @Test func aProxyForHTTPIsUsed() async throws {
        try await withScript([Exchange("GET http://registry.example/v2/app/manifests/1", 404)]) { proxy in
            try await withWorkplace { place, _ in
                let command = try await place.copy(
                    "registry.example/app:1", ["--plain-http"], environment: ["http_proxy": proxy.origin])
                #expect(command.status == 3, "\(command.errors)")
                #expect(proxy.deviations == [])
            }
        }
    }

    @Test func aHostInNO_PROXYIsReachedDirectly() async throws {
        try await withScript([]) { proxy in
            try await withScript([Exchange("GET /v2/app/manifests/1", 404)]) { server in
                try await withWorkplace { place, _ in
                    let name = "registry.example:\(server.port)"
                    let command = try await place.copy(
                        "\(name)/app:1", ["--plain-http", "--resolve", "\(name):127.0.0.1"],
                        environment: ["http_proxy": proxy.origin, "NO_PROXY": "other.example,registry.example"])
                    #expect(command.status == 3, "\(command.errors)")
                    #expect(server.deviations == [])
                    #expect(proxy.requests.isEmpty)
                }
            }
        }
    }

    @Test func theLoopbackInterfaceIsReachedDirectly() async throws {
        try await withScript([]) { proxy in
            try await withScript([Exchange("GET /v2/app/manifests/1", 404)]) { server in
                try await withWorkplace { place, _ in
                    let command = try await place.copy(
                        "127.0.0.1:\(server.port)/app:1", environment: ["http_proxy": proxy.origin])
                    #expect(command.status == 3, "\(command.errors)")
                    #expect(server.deviations == [])
                    #expect(proxy.requests.isEmpty)
                }
            }
        }
    }

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"))
    func aProxyForHTTPSIsTunnelledThrough() async throws {
        try await withWorkplace { place, _ in
            let server = try LocalRegistry.certificate(
                in: place.directory, for: "DNS:registry.example,IP:127.0.0.1")
            let registry = try LocalRegistry(in: place.directory, certificate: server)
            defer { registry.stop() }
            let options = ["--ca-file", server.certificate.string]
            let pushed = try await place.esgz(
                ["copy", "oci:\(place.source):latest", "\(registry.name)/app:1"] + options)
            #expect(pushed.status == 0, "\(pushed.errors)")

            var row = Exchange("CONNECT registry.example:443", 200)
            row.tunnel = registry.name.split(separator: ":").last.flatMap { Int($0) }
            row.hidesLength = true
            // As many as there are connections.
            let proxy = try ScriptedHTTP(Array(repeating: row, count: 8))
            defer { proxy.stop() }
            let pulled = try await place.copy(
                "registry.example/app:1", options + ["--jobs", "1"], environment: ["HTTPS_PROXY": proxy.origin])
            #expect(pulled.status == 0, "\(pulled.errors)")
            #expect(pulled.output == pushed.output)
            #expect(!proxy.requests.isEmpty)
        }
    }

    /// It is not the registry that speaks there, and TLS has not told who does.
    @Test(arguments: [
        (401, ["WWW-Authenticate": #"Bearer realm="https://evil.example/token""#]), (404, [:]),
        (307, ["Location": "https://evil.example/"]), (407, [:]),
    ])
    func whatAProxySaysInsteadOfATunnelIsNoAnswer(status: Int, headers: [String: String]) async throws {
        let row = Exchange("CONNECT registry.example:443", status, headers, body: Array("proxy".utf8))
        try await withScript([row]) { proxy in
            try await withWorkplace { place, _ in
                let command = try await place.copy(
                    "registry.example/app:1", ["--creds", "user:secret"], environment: ["HTTPS_PROXY": proxy.origin])
                try place.expectFailure(command, 5, saying: ["response \(status)"])
                #expect(proxy.deviations == [])
            }
        }
    }

    // MARK: Mirrors

    /// One asks for the name and password that files have for it, the other too.
    @Test func credentialsStayWithTheirHost() async throws {
        let challenge = ["WWW-Authenticate": #"Basic realm="test""#]
        let rows = { (path: String, credentials: String?) in
            [Exchange("GET /v2/\(path)/manifests/1", 401, challenge) { $0["authorization"] == nil }]
                + (credentials.map { credentials in
                    [
                        Exchange("GET /v2/\(path)/manifests/1", 404) {
                            $0["authorization"] == "Basic " + Base64.text(of: Array(credentials.utf8))
                        }
                    ]
                } ?? [])
        }
        for given in [nil, "typed:password"] {
            try await withScript(rows("copy/app", given == nil ? "mirror:secret" : nil)) { mirror in
                try await withScript(rows("app", given ?? "home:secret")) { server in
                    try await withWorkplace { place, _ in
                        let login = { (name: String, port: Int) in
                            #""127.0.0.1:\#(port)":{"auth":"\#(Base64.text(of: Array("\(name):secret".utf8)))"}"#
                        }
                        let logins = given == nil ? [login("mirror", mirror.port)] : []
                        let auths = (logins + [login("home", server.port)]).joined(separator: ",")
                        try write(
                            Array(#"{"auths":{\#(auths)}}"#.utf8), to: place.directory.appending("docker/config.json"))
                        let command = try await place.copy(
                            "127.0.0.1:\(server.port)/app:1", given.map { ["--src-creds", $0] } ?? [],
                            registries: """
                                [[registry]]
                                location = "127.0.0.1:\(server.port)"
                                [[registry.mirror]]
                                location = "127.0.0.1:\(mirror.port)/copy"
                                """)
                        #expect(command.status == 3, "\(command.errors)")
                        #expect(command.errors.contains("tried before: 127.0.0.1:\(mirror.port)"))
                        #expect(mirror.deviations == [])
                        #expect(server.deviations == [])
                    }
                }
            }
        }
    }

    @Test func aShortNameIsDockerHubsAndTheUserIsTold() async throws {
        try await withScript([Exchange("GET /v2/hub/library/alpine/manifests/latest", 404)]) { server in
            try await withWorkplace { place, _ in
                let command = try await place.copy(
                    "alpine",
                    registries: """
                        unqualified-search-registries = ["quay.io"]
                        [[registry]]
                        prefix = "docker.io"
                        location = "127.0.0.1:\(server.port)/hub"
                        """)
                #expect(command.status == 3, "\(command.errors)")
                let lines = command.errors.split(separator: "\n")
                for start in ["warning: 'alpine' means docker.io/library/alpine here", "error: "] {
                    let line = lines.first { $0.hasPrefix(start) }
                    #expect(line?.contains("write quay.io/alpine if you mean that") == true, "\(command.errors)")
                }
                #expect(server.deviations == [])
            }
        }
    }

    /// What mirrors have is for pulling; nobody else would see what is written there.
    @Test func aDestinationIsNeverAMirror() async throws {
        let registry = try PlayRegistry()
        defer { registry.stop() }
        try await withScript([]) { mirror in
            try await withWorkplace { place, _ in
                let hosts = place.directory.appending("hosts")
                try write(
                    Array(#"[host."\#(mirror.origin)"]"#.utf8),
                    to: hosts.appending(registry.name).appending("hosts.toml"))
                try write(
                    Array(
                        """
                        [[registry]]
                        location = "\(registry.name)"
                        [[registry.mirror]]
                        location = "127.0.0.1:\(mirror.port)"
                        """.utf8), to: place.directory.appending("registries.conf"))
                for options in [["--hosts-dir", hosts.string], ["--registries-conf", "registries.conf"]] {
                    let pushed = try await place.esgz(
                        ["copy", "oci:\(place.source):latest", "\(registry.name)/app:\(options.count)"] + options)
                    #expect(pushed.status == 0 && mirror.requests.isEmpty, "\(pushed.errors)")
                }
            }
        }
    }

    @Test func aBlockedRegistryIsDenied() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.copy(
                "a.example/x", registries: "[[registry]]\nlocation = 'a.example'\nblocked = true")
            try place.expectFailure(command, 4, saying: ["blocked in", "registries.conf"])
        }
    }

    // MARK: Registries

    /// Each registry wants a token of its own.
    @Test func eachEndHasItsRegistryToken() async throws {
        let registries = try ["one", "two"].map { token in
            try PlayRegistry { request in
                request["authorization"] == "Bearer \(token)" ? nil : Exchange(request.line, 401)
            }
        }
        defer { for registry in registries { registry.stop() } }
        let names = registries.map(\.name)
        try await withWorkplace { place, _ in
            let source = "oci:\(place.source):latest"
            let pushed = try await place.esgz(["copy", source, "\(names[0])/app:1", "--registry-token", "one"])
            #expect(pushed.status == 0, "\(pushed.errors)")
            for (options, status) in [
                ("--src-registry-token one --dst-registry-token two", 0),
                ("--registry-token one --dest-registry-token two", 0), ("--registry-token one", 4),
                ("--src-registry-token two --dst-registry-token one", 4), ("--src-registry-token one", 4),
            ] as [(String, Int32)] {
                let copied = try await place.esgz(
                    ["copy", "\(names[0])/app:1", "\(names[1])/app:1", "--no-clobber"]
                        + options.split(separator: " ").map(String.init))
                #expect(copied.status == status, "\(options): \(copied.errors)")
            }
        }
    }

    /// Nobody wants to hear of it after an hour of work.
    @Test func whoMayNotPushIsToldBeforeAnythingIsConverted() async throws {
        let registry = try PlayRegistry { $0.line.hasPrefix("POST ") ? Exchange($0.line, 403) : nil }
        let open = try PlayRegistry()
        defer { for registry in [registry, open] { registry.stop() } }
        try await withWorkplace { place, _ in
            let source = "oci:\(place.source):latest"
            let refused = try await place.esgz(["convert", source, "\(registry.name)/app:1"])
            try place.expectFailure(refused, 4, saying: ["POST "])
            #expect(registry.requests.count == 1 && !refused.errors.contains("layer 1"), "\(refused)")
            let dry = try await place.esgz(["convert", "--dry-run", source, "\(registry.name)/app:1"])
            #expect(dry.status == 0, "\(dry)")
            let pushed = try await place.esgz(["convert", source, "\(open.name)/app:1"])
            #expect(pushed.status == 0 && !open.content.contains { $0.hasPrefix("uploads/") }, "\(open.content)")
        }
    }

    @Test func whatOneRegistryGetsSeveralTimesIsUploadedOnce() async throws {
        let registry = try PlayRegistry()
        defer { registry.stop() }
        try await withWorkplace { place, _ in
            let source = "oci:\(place.source):latest"
            let copied = try await place.esgz(["copy", source] + (1...3).map { "\(registry.name)/app:\($0)" })
            #expect(copied.status == 0, "\(copied.errors)")
            let blobs = registry.content.count { $0.hasPrefix("blobs/") }
            #expect(registry.requests.count { $0.line.hasPrefix("POST ") } == blobs && blobs > 1)
            #expect(registry.content.count { $0.hasPrefix("tags/") } == 3)
        }
    }

    @Test(arguments: [400, 405, 501])
    func aRegistryWithoutHEADIsPushedTo(status: Int) async throws {
        let registry = try PlayRegistry { $0.line.hasPrefix("HEAD ") ? Exchange($0.line, status) : nil }
        defer { registry.stop() }
        try await withWorkplace { place, _ in
            for command in ["copy", "convert"] {
                let pushed = try await place.esgz(
                    [command, "oci:\(place.source):latest", "\(registry.name)/app:\(command)", "--no-clobber"])
                #expect(pushed.status == 0, "\(pushed.errors)")
            }
        }
    }

    /// Of the system, as everybody sees them, and of the user; neither is named on the command line.
    @Test(.enabled(if: LocalRegistry.isExpected && getuid() == 0))
    func authoritiesAreThoseOfTheSystemAndOfTheUser() async throws {
        try await withWorkplace { place, _ in
            let server = try LocalRegistry.certificate(in: place.directory, for: "DNS:registry.example")
            let registry = try LocalRegistry(in: place.directory, certificate: server)
            defer { registry.stop() }
            let name = "registry.example:\(registry.port)"
            let push = "\"$esgz\" copy -q \"$source\" \(name)/app:1 --resolve \(name):127.0.0.1 --retry 0"
            let refused = try await place.shell(push)
            #expect(refused.status == 5 && refused.errors.contains("certificate"), "\(refused)")
            let system = try await place.shell(
                """
                export push='\(push)'
                unshare -m sh -ec 'mount -t tmpfs none /etc/ssl/certs
                    cp \(server.certificate) /etc/ssl/certs/ca-certificates.crt; eval "$push"'
                """)
            #expect(system.status == 0, "\(system)")
            let certificates = place.directory.appending("home/.config/containers/certs.d").appending(name)
            try write(try FileSlice(opening: server.certificate).bytes(), to: certificates.appending("ca.crt"))
            let user = try await place.shell(push)
            #expect(user.status == 0, "\(user)")
        }
    }

    /// What never ends takes no memory, and says so in the end.
    @Test(arguments: ["manifest", "blob", "error", "headers", "length"])
    func answersWithoutEndTakeNoMemory(of kind: String) async throws {
        let (type, junk) = (MediaType.ociManifest.text, [UInt8](repeating: 0x20, count: 1 << 20))
        let blob = Descriptor(mediaType: .ociConfiguration, digest: Digest(of: [1]), size: 100)
        let text = #"{"schemaVersion":2,"config":\#(blob.json.shownText),"layers":[]}"#
        var row = Exchange("GET /v2/app/manifests/1", kind == "error" ? 404 : 200, ["Content-Type": type], body: junk)
        (row.isEndless, row.hidesLength) = (true, true)
        var rows = [row]
        switch kind {
        case "blob":
            row.request = "GET /v2/app/blobs/\(blob.digest)"
            rows = [Exchange("GET /v2/app/manifests/1", 200, ["Content-Type": type], body: Array(text.utf8)), row]
        case "headers": rows[0].headers["X-Long"] = String(repeating: "x", count: 3 << 20)
        case "length": rows[0].headers["Content-Length"] = "\(1 << 30)"
        default: break
        }
        try await withScript(rows) { server in
            try await withWorkplace { place, _ in
                let result = try await place.shell(
                    "ulimit -v 500000; \"$esgz\" copy 127.0.0.1:\(server.port)/app:1 \"$destination\" --retry 0")
                #expect([3, 5, 8].contains(result.status), "\(result)")
                #expect(result.errors.hasPrefix("error: ") && result.errors.utf8.count < 1000, "\(result)")
            }
        }
    }

    /// Neither does it for what is fetched, nor for where that is fetched from.
    @Test(.enabled(if: Command.isExpected("openssl")))
    func aRedirectDoesNotLeadOutOfTLS() async throws {
        try await withScript([]) { plain in
            try await withWorkplace { place, _ in
                let pair = try LocalRegistry.certificate(in: place.directory)
                let server = try TLSPage(
                    in: place.directory, pair,
                    "HTTP/1.1 307 Temporary Redirect\r\nLocation: \(plain.origin)/x\r\nContent-Length: 0\r\n\r\n",
                    at: "v2/app/manifests/1")
                defer { server.stop() }
                let command = try await place.copy(
                    "127.0.0.1:\(server.port)/app:1", ["--ca-file", pair.certificate.string])
                try place.expectFailure(
                    command, 5, saying: ["refusing to follow a redirect to \(plain.origin)/x, which has no TLS"])
                #expect(plain.requests.isEmpty)
            }
        }
    }

    // MARK: Options

    @Test(arguments: [
        (["--cert-file", "here"], 2, "need each other"), (["--key-file", "here"], 2, "need each other"),
        (["--cert-file", "none", "--key-file", "here"], 2, "--cert-file: cannot open none"),
        (["--ca-file", "none"], 2, "--ca-file: cannot open none"),
        (["--ca-file", "here"], 2, "expected certificates in PEM"),
        (["--src-cert-file", "here"], 2, "--src-cert-file and --src-key-file need each other"),
        (["--dest-ca-file", "here"], 2, "--dst-ca-file: here: expected certificates in PEM"),
        (["--src-plain-http", "--src-ca-file", "ca"], 2, "--src-plain-http leaves no use for --src-ca-file"),
        (["--plain-http", "--cert-file", "here", "--key-file", "here"], 2, "--plain-http leaves no use"),
        (["--hosts-dir", "none"], 2, "none: expected a configuration file there"),
        (["--registries-conf", "none"], 2, "none: expected a configuration file there"),
        (["--registries-conf", "broken"], 8, "broken: line 2: expected TOML 1.0"),
        (["--tls-verify=perhaps"], 2, "--tls-verify"),
    ])
    func anOptionThatNamesNothingOfUseIsAnError(options: [String], status: Int32, needle: String) async throws {
        try await withWorkplace { place, _ in
            try write(Array("nothing".utf8), to: place.directory.appending("here"))
            try write(Array("\n= 1".utf8), to: place.directory.appending("broken"))
            try write(Array("-----BEGIN CERTIFICATE-----".utf8), to: place.directory.appending("ca"))
            let command = try await place.copy("127.0.0.1:1/x:1", options)
            #expect(command.status == status, "\(command.errors)")
            #expect(command.errors.contains(needle), "\(command.errors)")
        }
    }

    /// Registries `a` and `b` have TLS, each with a certificate of its own; `c` has none.
    private static let connections: [(ends: [String], options: String, status: Int32)] = [
        (["a", "b"], "--src-ca-file a.crt --dst-ca-file b.crt", 0),
        (["a", "b"], "--src-ca-file b.crt --dst-ca-file a.crt", 5),
        (["a", "b"], "--ca-file a.crt --dest-ca-file b.crt", 0),
        (["a", "b"], "--ca-file a.crt --src-ca-file b.crt", 5),
        (["a", "b"], "--src-insecure --dest-tls-verify=false", 0), (["a", "b"], "--src-insecure", 5),
        (["a", "b"], "--dst-insecure", 5), (["a", "b"], "--insecure --src-tls-verify=true", 5),
        (["a", "b"], "--tls-verify=false", 0), (["a", "b"], "--insecure", 0),
        (["c", "b"], "--src-plain-http --dst-insecure", 0), (["b", "c"], "--src-ca-file b.crt --dest-plain-http", 0),
        (["b", "c"], "--plain-http --src-ca-file b.crt", 0), (["c", "b"], "--dst-plain-http --dst-insecure", 5),
    ]

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"))
    func eachEndHasItsConnections() async throws {
        try await withWorkplace { place, _ in
            var names: [String: String] = [:]
            var servers: [LocalRegistry] = []
            defer { for server in servers { server.stop() } }
            for name in ["a", "b", "c"] {
                let directory = place.directory.appending(name)
                try write([], to: directory.appending("here"))
                let pair =
                    name == "c"
                    ? nil : try LocalRegistry.certificate(in: place.directory, named: name, for: "DNS:\(name).example")
                let server = try LocalRegistry(in: directory, certificate: pair)
                servers.append(server)
                names[name] = "\(name).example:\(server.name.split(separator: ":").last ?? "")"
            }
            let common = ["--retry", "0"] + names.values.flatMap { ["--resolve", "\($0):127.0.0.1"] }
            for name in names.values {
                let filling = try await place.esgz(
                    ["push", "oci:\(place.source):latest", "\(name)/app:1"] + common
                        + [name.hasPrefix("c") ? "--plain-http" : "--insecure"])
                #expect(filling.status == 0, "\(filling.errors)")
            }
            for row in Self.connections {
                let ends = row.ends.compactMap { names[$0] }
                let copied = try await place.esgz(
                    ["copy", "\(ends[0])/app:1", "\(ends[1])/copy:1"] + common
                        + row.options.split(separator: " ").map(String.init))
                #expect(copied.status == row.status, "\(row): \(copied.errors)")
            }
        }
    }

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"))
    func aClientCertificateIsShown() async throws {
        try await withWorkplace { place, _ in
            let server = try LocalRegistry.certificate(in: place.directory)
            let client = try LocalRegistry.certificate(in: place.directory, named: "client", for: "DNS:client")
            let registry = try LocalRegistry(
                in: place.directory, certificate: server, clientAuthority: client.certificate)
            defer { registry.stop() }
            let authority = ["--ca-file", server.certificate.string]
            let pair = ["--cert-file", client.certificate.string, "--key-file", client.key.string]
            let push = ["copy", "oci:\(place.source):latest", "\(registry.name)/app:1"] + authority
            #expect(try await place.esgz(push).status == 5)
            let pushed = try await place.esgz(push + pair)
            #expect(pushed.status == 0, "\(pushed.errors)")
            let pulled = try await place.copy("\(registry.name)/app:1", ["--tls-verify=false"] + pair)
            #expect(pulled.status == 0, "\(pulled.errors)")
            #expect(pulled.output == pushed.output)
        }
    }
}

extension Workplace {
    /// `esgz copy` from a registry to the destination layout, each request sent once.
    fileprivate func copy(
        _ source: String, _ options: [String] = [], registries: String? = nil, environment: [String: String] = [:]
    ) async throws -> Command {
        var options = options
        if let registries {
            let path = directory.appending("registries.conf")
            try write(Array(registries.utf8), to: path)
            options += ["--registries-conf", path.string]
        }
        return try await esgz(
            ["copy", source, "oci:\(destination):new", "--retry", "0"] + options, environment: environment)
    }
}
