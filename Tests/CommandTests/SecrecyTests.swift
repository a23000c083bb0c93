import Content
import FoundationEssentials
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Whatever goes wrong, and whoever means no good: no credentials in messages.
@Suite(.timeLimit(.minutes(15)))
struct SecrecyTests {
    private static let secret = "Correct-Horse-Battery"
    private static let token = "token-that-was-given-out"

    /// How a secret gets to the program.
    enum Channel: String, CaseIterable {
        case creds, stdin, registryToken, file, identityToken, registryTokenInFile, helper
    }

    /// What a server does with what it gets to know.
    enum Mischief: String, CaseIterable {
        case repeatsInBody, repeatsInErrors, redirects, redirectsHere, redirectsToName, redirectsToken, refusesToken,
            garblesToken, demandsMore, warns
    }

    @Test(arguments: Channel.allCases, Mischief.allCases)
    func noSecretIsEverShown(channel: Channel, mischief: Mischief) async throws {
        try await withWorkplace { place, _ in
            let server = try ScriptedHTTP([], otherwise: { Self.answer($0, mischief) })
            defer { server.stop() }
            let arguments = try prepare(channel, "127.0.0.1:\(server.port)", place)
            let command = try await place.shell(
                "echo user:\(Self.secret) | $esgz convert 127.0.0.1:\(server.port)/app:1 $destination "
                    + "--tmp-dir $tmp --progress plain -v \(arguments)",
                environment: ["PATH": "\(place.directory)/bin:/usr/bin:/bin"])
            #expect(command.status != 0)
            #expect(command.errors.contains("error: "), "\(command.errors)")
            // The test is worth nothing if they never left the program.
            let sent = server.requests.map { ($0["authorization"] ?? "") + String(decoding: $0.body, as: UTF8.self) }
            let wasSent = Self.spellings.contains { spelling in sent.contains { $0.contains(spelling) } }
            #expect(wasSent)
            for spelling in Self.spellings + [Self.token] {
                // Hosts are shown in lower case.
                let hidden = spelling.lowercased()
                #expect(!command.errors.lowercased().contains(hidden), "\(command.errors)")
                #expect(!command.output.lowercased().contains(hidden))
            }
        }
    }

    @Test(arguments: Channel.allCases)
    func whereRefusedCredentialsComeFromIsTold(channel: Channel) async throws {
        try await withWorkplace { place, _ in
            let server = try ScriptedHTTP([], otherwise: { Self.answer($0, .refusesToken) })
            defer { server.stop() }
            let arguments = try prepare(channel, "127.0.0.1:\(server.port)", place)
            let command = try await place.shell(
                "echo user:\(Self.secret) | $esgz copy 127.0.0.1:\(server.port)/app:1 $destination \(arguments)",
                environment: ["PATH": "\(place.directory)/bin:/usr/bin:/bin"])
            let file = "\(place.directory)/docker/config.json"
            let origin =
                switch channel {
                case .creds: "--src-creds"
                case .stdin: "--creds-stdin"
                case .registryToken: "--src-registry-token"
                case .file, .identityToken, .registryTokenInFile: file
                case .helper: "docker-credential-test, which \(file) names"
                }
            try place.expectFailure(command, 4, saying: ["the credentials are from \(origin)"])
        }
    }

    @Test(arguments: [
        Exchange("", 403, body: Array("you are \(secret)".utf8)),
        Exchange("", 404, ["Warning": "299 - \"you are \(secret)\""]),
        Exchange("", 307, ["Location": "ftp://\(secret)/"]),
        Exchange("", 200, body: Array(#"{"\#(secret)":1,"\#(secret)":2}"#.utf8)),
    ])
    func aHeaderThatIsRepeatedIsNotShown(answer: Exchange) async throws {
        try await withWorkplace { place, _ in
            let server = try ScriptedHTTP([]) { request in
                var answer = answer
                answer.request = request.line
                return request["x-key"] == "key=\(Self.secret)" ? answer : nil
            }
            defer { server.stop() }
            let command = try await place.esgz([
                "copy", "127.0.0.1:\(server.port)/app:1", "oci:\(place.destination):new", "--header",
                "X-Key: key=\(Self.secret)",
            ])
            #expect(command.status != 0)
            #expect(server.deviations == [])
            #expect(command.errors.contains("error: ") && !command.errors.contains(Self.secret), "\(command.errors)")
        }
    }

    @Test func aPasswordInTheNameOfARegistryIsNotShown() async throws {
        try await withWorkplace { place, _ in
            let login = try await place.esgz(["login", "-u", "user", "https://user:\(Self.secret)@localhost:1"])
            try place.expectFailure(login, 2, saying: ["not '…@localhost:1'"])
            #expect(!login.errors.contains(Self.secret))
        }
    }

    @Test func theListOfProcessesIsMentioned() async throws {
        try await withWorkplace { place, _ in
            let login = try await place.esgz(["login", "-u", "user", "-p", Self.secret, "127.0.0.1:1"])
            #expect(login.errors.contains("warning: --password shows up in the list of processes"))
            #expect(!login.errors.contains(Self.secret))
        }
    }

    private static var spellings: [String] {
        [secret] + ["user", "", "<token>"].map { Base64.text(of: Array("\($0):\(secret)".utf8)) }
    }

    /// - Returns: arguments for the command.
    private func prepare(_ channel: Channel, _ registry: String, _ place: Workplace) throws -> String {
        let file = place.directory.appending("docker/config.json")
        func entry(_ members: String) throws {
            try write(Array(#"{"auths":{"\#(registry)":{\#(members)}}}"#.utf8), to: file)
        }
        switch channel {
        case .creds: return "--src-creds user:\(Self.secret)"
        case .stdin: return "--creds-stdin"
        case .registryToken: return "--src-registry-token \(Self.secret)"
        case .file: try entry(#""auth":"\#(Base64.text(of: Array("user:\(Self.secret)".utf8)))""#)
        case .identityToken: try entry(#""auth":"dXNlcjo=","identitytoken":"\#(Self.secret)""#)
        case .registryTokenInFile: try entry(#""registrytoken":"\#(Self.secret)""#)
        case .helper:
            try write(Array(#"{"credsStore":"test"}"#.utf8), to: file)
            let program = place.directory.appending("bin/docker-credential-test")
            let script = "#!/bin/sh\necho '{\"Username\":\"user\",\"Secret\":\"\(Self.secret)\"}'\n"
            try write(Array(script.utf8), to: program)
            chmod(program.string, 0o755)
        }
        return ""
    }

    private static func answer(_ request: ScriptedHTTP.Request, _ mischief: Mischief) -> Exchange? {
        let authorization = request["authorization"] ?? ""
        let credentials = authorization.split(separator: " ").last.map(String.init) ?? ""
        let decoded = Base64.bytes(of: credentials).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let known = "\(credentials) \(decoded) \(String(decoding: request.body, as: UTF8.self)) \(secret) \(token)"
        let word = decoded.contains(secret) || credentials == secret ? secret : credentials
        let demand = [
            "WWW-Authenticate": #"Bearer realm="{origin}/token",service="s""#,
            "Docker-Distribution-Api-Version": "registry/2.0",
        ]
        let errors = Array(#"{"errors":[{"code":"DENIED","message":"\#(known)"}]}"#.utf8)
        if request.line.contains(" /token") {
            switch mischief {
            // There is no TLS, which nobody tries twice.
            case .redirectsToken:
                return Exchange(request.line, 302, ["Location": "https://\(request["host"] ?? "")/\(word)"])
            case .refusesToken: return Exchange(request.line, 401, body: Array(#"{"details":"\#(known)"}"#.utf8))
            case .garblesToken:
                return Exchange(request.line, 200, body: Array(#"{"token":"a b","\#(known)":1,"\#(known)":2}"#.utf8))
            default: return Exchange(request.line, 200, body: Array(#"{"token":"\#(token)"}"#.utf8))
            }
        }
        if authorization.isEmpty { return Exchange(request.line, 401, demand) }
        switch mischief {
        case .repeatsInBody: return Exchange(request.line, 400, body: Array(known.utf8))
        case .redirects: return Exchange(request.line, 307, ["Location": "ftp://\(word)/\(word)"])
        case .redirectsHere:
            let isThere = request.line.hasSuffix("/\(word)")
            return Exchange(request.line, isThere ? 404 : 307, isThere ? [:] : ["Location": "{origin}/\(word)"])
        case .redirectsToName: return Exchange(request.line, 307, ["Location": "http://\(word).invalid/x"])
        case .warns: return Exchange(request.line, 403, ["Warning": "299 - \"you are \(known)\""])
        case .demandsMore:
            let more =
                #"Bearer realm="{origin}/token/\#(word)",scope="repository:\#(word):pull",error="insufficient_scope""#
            return Exchange(request.line, 401, ["WWW-Authenticate": more], body: errors)
        default: return Exchange(request.line, 403, body: errors)
        }
    }
}
