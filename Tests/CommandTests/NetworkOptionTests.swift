import SystemPackage
import TestSupport
import Testing

/// The options that say how requests travel, with a registry that follows a script.
struct NetworkOptionTests {
    private static let get = "GET /v2/app/manifests/1"
    private static let warning = ["Warning": #"299 - "the end is near""#, "Retry-After": "0"]

    @Test(arguments: [
        ([], 5), (["--retry", "0"], 1), (["--retry", "2"], 3), (["--retry-times", "1"], 2),
        (["--retry-delay", "1ms"], 5),
    ])
    func aRequestIsTriedAsOftenAsTheUserSays(arguments: [String], expected: Int) async throws {
        try await withScript(Array(repeating: Exchange(Self.get, 503, Self.warning), count: 10)) { server in
            let command = try await pull(server, arguments)
            #expect(command.status == 5, "\(command.errors)")
            #expect(server.requests.count == expected)
            // However often the registry says so.
            #expect(command.errors.split(separator: "\n").filter { $0.contains("the end is near") }.count == 1)
            #expect(command.errors.hasPrefix("warning: 127.0.0.1:\(server.port): the end is near\n"))
        }
    }

    @Test(arguments: ["1", "1s", "1000ms"])
    func aServerThatSaysNothingIsGivenUpInTime(timeout: String) async throws {
        var row = Exchange(Self.get, 200, body: [1], cut: 0)
        row.stalls = true
        try await withScript([row, row]) { server in
            let start = ContinuousClock.now
            let command = try await pull(server, ["--timeout", timeout, "--retry", "1"])
            #expect(command.status == 5, "\(command.errors)")
            // By default both tries together take two minutes; the machine may be busy.
            #expect(ContinuousClock.now - start < .seconds(100))
            #expect(server.deviations == [])
        }
    }

    @Test(arguments: [
        ("plain", "GET "), ("none", "GET "), ("tty", "GET "), ("json", #"{"event":"request","text":"GET "#),
    ])
    func requestsAreShownInEachFormOfProgress(form: String, prefix: String) async throws {
        try await withScript([Exchange(Self.get, 404)]) { server in
            let command = try await pull(server, ["-v", "--progress", form])
            #expect(command.status == 3)
            let line = command.errors.split(separator: "\n").first { $0.hasPrefix(prefix) }
            #expect(line?.contains("\(server.origin)/v2/app/manifests/1: HTTP/1 404, 0 bytes sent") == true)
        }
    }

    @Test func headersAndAddressesAreThoseOfTheUser() async throws {
        let row = Exchange(Self.get, 404) { request in
            request["x-team"] == "blue: sky" && request["host"]?.hasPrefix("registry.test:") == true
        }
        try await withScript([row]) { server in
            let command = try await pull(
                server,
                ["--plain-http", "--header", "X-Team: blue: sky"]
                    + ["--resolve", "registry.test:\(server.port):127.0.0.1"],
                host: "registry.test")
            #expect(command.status == 3, "\(command.errors)")
            #expect(server.deviations == [])
        }
    }

    private func pull(
        _ server: ScriptedHTTP, _ arguments: [String], host: String = "127.0.0.1"
    ) async throws -> Command {
        try await withTemporaryDirectory { directory in
            try await Command.run(
                Command.esgz,
                ["pull", "docker://\(host):\(server.port)/app:1", "oci:\(directory.appending("layout")):1"] + arguments,
                environment: ["HOME": directory.string, "DOCKER_CONFIG": directory.string, "NO_PROXY": "*"])
        }
    }
}
