import SystemPackage
import TestSupport
import Testing

/// What answers at the address of a registry is something else: a web server, or the login page of a network.
@Suite(.timeLimit(.minutes(15)))
struct OtherServerTests {
    private static let welcome = Array("<html>Welcome to the guest network</html>".utf8)

    /// What it says to whatever is asked.
    enum Answer: CaseIterable {
        case page, pageOfUnknownLength, pageElsewhere, nothing

        func exchange(_ request: ScriptedHTTP.Request) -> Exchange {
            var answer = Exchange(request.line, 200, ["Content-Type": "text/html"], body: welcome)
            switch self {
            case .page: break
            case .pageOfUnknownLength: answer.hidesLength = true
            case .pageElsewhere where !request.line.hasSuffix("/welcome"):
                (answer.status, answer.headers["Location"]) = (302, "/welcome")
            case .pageElsewhere: break
            case .nothing: answer.body = []
            }
            return answer
        }
    }

    @Test(arguments: ["push", "convert"], Answer.allCases)
    func aServerThatSaysYesToEverythingIsNoRegistry(command: String, answer: Answer) async throws {
        let server = try ScriptedHTTP([], otherwise: answer.exchange)
        defer { server.stop() }
        try await withWorkplace { place, _ in
            let result = try await place.esgz([
                command, "oci:\(place.source):latest", "127.0.0.1:\(server.port)/app:1", "--tmp-dir",
                place.temporary.string, "-q",
            ])
            try place.expectFailure(result, 5, saying: ["POST", "is there one at this address?"])
            #expect(!server.requests.contains { $0.line.hasPrefix("PUT ") })
        }
    }

    @Test(arguments: [Answer.page, .pageOfUnknownLength, .pageElsewhere])
    func nobodyLogsInToAWebServer(answer: Answer) async throws {
        let server = try ScriptedHTTP([], otherwise: answer.exchange)
        defer { server.stop() }
        try await withWorkplace { place, _ in
            let login = try await place.shell(
                "echo secret | $esgz login -u user --password-stdin 127.0.0.1:\(server.port)")
            try place.expectFailure(login, 5, saying: ["expected the answer of a registry"])
            #expect(try names(below: place.directory.appending("docker")) == [])
        }
    }

    @Test(arguments: ["", "{}", "true"])
    func registriesThatSayLittleOfThemselvesAreLoggedInTo(body: String) async throws {
        try await withScript([Exchange("GET /v2/", 200, body: Array(body.utf8))]) { server in
            try await withWorkplace { place, _ in
                let login = try await place.shell(
                    "echo secret | $esgz login -u user --password-stdin 127.0.0.1:\(server.port)")
                #expect(login.status == 0, "\(login.errors)")
            }
        }
    }
}
