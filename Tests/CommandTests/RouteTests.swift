import Content
import OCI
import SystemPackage
import TestSupport
import Testing

/// How the program gets to registries: proxies, mirrors, certificates.
@Suite(.timeLimit(.minutes(5)))
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

    @Test func aBlockedRegistryIsDenied() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.copy(
                "a.example/x", registries: "[[registry]]\nlocation = 'a.example'\nblocked = true")
            try place.expectFailure(command, 4, saying: ["blocked in", "registries.conf"])
        }
    }

    // MARK: Options

    @Test(arguments: [
        (["--cert-file", "here"], 2, "need each other"), (["--key-file", "here"], 2, "need each other"),
        (["--cert-file", "none", "--key-file", "here"], 2, "--cert-file: cannot open none"),
        (["--ca-file", "none"], 2, "--ca-file: cannot open none"),
        (["--ca-file", "here"], 2, "expected certificates in PEM"),
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
            let command = try await place.copy("127.0.0.1:1/x:1", options)
            #expect(command.status == status, "\(command.errors)")
            #expect(command.errors.contains(needle), "\(command.errors)")
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
