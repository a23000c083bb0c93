import Content
import FoundationEssentials
import Glibc
import SystemPackage
import TestSupport
import Testing

/// `esgz login` and `esgz logout`, with Debian's `docker-registry` behind a password.
@Suite(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"), .timeLimit(.minutes(15)))
struct LoginTests {
    private static let password = "pass:word"
    /// `user:pass:word`
    private static let auth = "dXNlcjpwYXNzOndvcmQ="

    @Test func theFileOfDockerHoldsThePasswordAndKeepsWhatIsInIt() async throws {
        try await withRegistry { place, registry in
            let file = place.directory.appending("docker/config.json")
            let before = """
                {
                \t"auths": {
                \t\t"other.example": {
                \t\t\t"auth": "eDp5"
                \t\t}
                \t},
                \t"HttpHeaders": {},
                \t"detachKeys": "ctrl-<,1.50"
                }
                """
            try write(Array(before.utf8), to: file)
            let login = try await place.login(registry.name)
            #expect(login.status == 0, "\(login.errors)")
            #expect(login.output == "logged in to \(registry.name) as user\n")
            #expect(login.errors.contains("warning: the password is kept in plain text in \(file)"))
            let entry = ",\n\t\t\"\(registry.name)\": {\n\t\t\t\"auth\": \"\(Self.auth)\"\n\t\t}"
            #expect(try text(of: file) == before.replacing("\t\t}\n\t}", with: "\t\t}\(entry)\n\t}"))
            #expect(try mode(of: file) == 0o600)

            let push = try await place.convert(to: "docker://\(registry.name)/app:1")
            #expect(push.status == 0, "\(push.errors)")

            let logout = try await place.esgz(["logout", registry.name])
            #expect(logout.status == 0 && logout.output == "logged out of \(registry.name)\n", "\(logout.errors)")
            #expect(try text(of: file) == before)
            let again = try await place.esgz(["logout", registry.name, "--json"])
            #expect(again.status == 0)
            #expect(again.output == "{\"registry\":\"\(registry.name)\",\"wasLoggedIn\":false}\n")
            try place.expectFailure(
                try await place.convert(to: "docker://\(registry.name)/app:1"), 4, saying: ["log in with 'esgz login'"])
        }
    }

    @Test func aLinkStaysOneAndDirectoriesAreMade() async throws {
        try await withRegistry { place, registry in
            let (link, target) = (place.directory.appending("docker/config.json"), "elsewhere/deep/config.json")
            try FileManager.default.createSymbolicLink(
                atPath: link.string, withDestinationPath: "../\(target)")
            #expect(try await place.login(registry.name).status == 0)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.string) == "../\(target)")
            #expect(try mode(of: place.directory.appending(target)) == 0o600)
            #expect(try mode(of: place.directory.appending("elsewhere")) == 0o700)
        }
    }

    @Test func aWrongPasswordIsNotKept() async throws {
        try await withRegistry { place, registry in
            let login = try await place.shell(
                "printf wrong-one | $esgz login -u user --password-stdin \(registry.name)")
            try place.expectFailure(login, 4, saying: ["\(registry.name) refuses this user name and password"])
            #expect(!login.errors.contains("wrong-one"))
            #expect(access(place.directory.appending("docker/config.json").string, F_OK) != 0)
        }
    }

    @Test func aMalformedFileStaysAsItIs() async throws {
        try await withRegistry { place, registry in
            let file = place.directory.appending("docker/config.json")
            try write(Array(#"{"auths":{"a":"s3cret"#.utf8), to: file)
            let login = try await place.login(registry.name)
            try place.expectFailure(login, 8, saying: ["config.json"])
            #expect(!login.errors.contains("s3cret"))
            #expect(try text(of: file) == #"{"auths":{"a":"s3cret"#)
        }
    }

    @Test func aHelperKeepsWhatTheFileWouldShow() async throws {
        try await withRegistry { place, registry in
            let file = place.directory.appending("docker/config.json")
            try write(Array(#"{"credHelpers":{"\#(registry.name)":"box"}}"#.utf8), to: file)
            let script = """
                #!/bin/sh
                box=\(place.directory)/box
                case $1 in
                store) cat >$box ;;
                get) [ -e $box ] && cat $box || { echo credentials not found in native keychain; exit 1; } ;;
                erase) rm $box ;;
                esac
                """
            let helper = place.directory.appending("bin/docker-credential-box")
            try write(Array(script.utf8), to: helper)
            chmod(helper.string, 0o755)
            let path = ["PATH": "\(place.directory)/bin:/usr/bin:/bin"]

            let login = try await place.login(registry.name, environment: path, "--json")
            #expect(login.status == 0 && login.errors.isEmpty, "\(login.errors)")
            #expect(
                login.output
                    == #"{"registry":"\#(registry.name)","username":"user","helper":"docker-credential-box"}"# + "\n")
            #expect(
                try text(of: place.directory.appending("box"))
                    == #"{"ServerURL":"\#(registry.name)","Username":"user","Secret":"pass:word"}"#)
            // As Docker does: it takes those for logged in that have an entry.
            let kept = try JSON(parsing: Array(try text(of: file).utf8))
            #expect(kept["auths"]?[registry.name] == .object(JSON.Object()))

            let push = try await place.esgz(
                ["convert", "oci:\(place.source):latest", "docker://\(registry.name)/app:1"], environment: path)
            #expect(push.status == 0, "\(push.errors)")
            let logout = try await place.esgz(["logout", registry.name], environment: path)
            #expect(logout.output == "logged out of \(registry.name)\n", "\(logout.errors)")
            #expect(access(place.directory.appending("box").string, F_OK) != 0)
            let again = try await place.esgz(["logout", registry.name], environment: path)
            #expect(again.output == "not logged in to \(registry.name)\n" && again.status == 0, "\(again.errors)")
        }
    }

    @Test func aTokenServerIsAskedBeforeThePasswordIsKept() async throws {
        try await withWorkplace { place, _ in
            let storage = place.directory.appending("registry")
            try FileManager.default.createDirectory(atPath: storage.string, withIntermediateDirectories: true)
            let tokens = try TokenIssuer(in: storage, user: ("user", Self.password))
            defer { tokens.stop() }
            let registry = try LocalRegistry(in: storage, tokens: tokens)
            defer { registry.stop() }
            let wrong = try await place.shell("echo wrong | $esgz login -u user --password-stdin \(registry.name)")
            try place.expectFailure(wrong, 4, saying: ["refuses this user name and password"])
            let login = try await place.login(registry.name)
            #expect(login.status == 0, "\(login.errors)")
            let push = try await place.convert(to: "docker://\(registry.name)/app:1")
            #expect(push.status == 0, "\(push.errors)")
            // One token for each run.
            #expect(tokens.grants.map(\.scopes) == [[], ["repository:app:pull,push"]])
            let copy = try await place.esgz(
                [
                    "copy", "\(registry.name)/app:1", "\(registry.name)/team/other:2", "--tmp-dir",
                    place.temporary.string,
                ])
            #expect(copy.status == 0, "\(copy.errors)")
            #expect(
                tokens.grants.dropFirst(2).map(\.scopes) == [
                    ["repository:app:pull", "repository:team/other:pull,push"]
                ])
        }
    }

    /// What is said of one end goes before what is said of both, and options before files.
    @Test(
        arguments: [
            ("", 4), ("--creds user:pass:word", 0), ("--dst-creds user:pass:word", 0),
            ("--dest-creds user:pass:word", 0),
            ("--src-creds user:pass:word", 4), ("--creds user:wrong", 4), ("--creds user", 4),
            ("--creds user:wrong --dst-creds user:pass:word", 0), ("--creds-stdin", 0), ("--dest-creds-stdin", 0),
            ("--src-creds-stdin", 4), ("--authfile good.json", 0), ("--dest-authfile good.json", 0),
            ("--src-authfile good.json", 4), ("--authfile good.json --dest-no-creds", 4),
            ("--authfile good.json --src-no-creds", 0), ("--no-creds --dst-authfile good.json", 0),
            ("--authfile missing.json", 2), ("--no-creds", 4),
        ] as [(String, Int32)])
    func eachEndHasItsCredentials(arguments: String, status: Int32) async throws {
        try await withRegistry { place, registry in
            try write(
                Array(#"{"auths":{"\#(registry.name)":{"auth":"\#(Self.auth)"}}}"#.utf8),
                to: place.directory.appending("good.json"))
            let push = try await place.shell(
                "echo user:pass:word | $esgz convert $source docker://\(registry.name)/app:1 --tmp-dir $tmp \(arguments)"
            )
            #expect(push.status == status, "\(push.errors)")
        }
    }

    @Test func allLoginsCanBeForgotten() async throws {
        try await withWorkplace { place, _ in
            let file = place.directory.appending("docker/config.json")
            try write(
                Array(#"{"auths":{"a.example":{"auth":"eDp5"},"b.example/team":{"auth":"eDp5"}},"x":1.50}"#.utf8),
                to: file)
            let logout = try await place.esgz(["logout", "--all"])
            #expect(logout.status == 0 && logout.errors.isEmpty, "\(logout.errors)")
            #expect(logout.output == "logged out of a.example, b.example/team\n")
            let left = try JSON(parsing: Array(try text(of: file).utf8))
            #expect(left == (try JSON(parsing: Array(#"{"auths":{},"x":1.50}"#.utf8))))
            #expect(try await place.esgz(["logout", "--all"]).output == "not logged in to any registry\n")
            #expect(try await place.esgz(["logout", "--all", "--json"]).output == #"{"registries":[]}"# + "\n")
        }
    }

    // MARK: People at a terminal

    @Test func thePasswordDoesNotShowUpWhileItIsTyped() async throws {
        try await withRegistry { place, registry in
            let terminal = try PseudoTerminal()
            defer { terminal.close() }
            async let login = place.shell("$esgz login \(registry.name) <\(terminal.theirs) 2>\(terminal.theirs)")
            try await onThread {
                try terminal.type("user\n", after: "Username: ")
                try terminal.type(Self.password + "\n", after: "Password: ")
            }
            let command = try await login
            #expect(command.status == 0, "\(terminal.text)")
            #expect(command.output == "logged in to \(registry.name) as user\n")
            #expect(terminal.text.contains("Username: user") && !terminal.text.contains(Self.password))
            #expect(terminal.echoes)
        }
    }

    @Test func anInterruptionLeavesTheTerminalAsItWas() async throws {
        try await withWorkplace { place, _ in
            let terminal = try PseudoTerminal()
            defer { terminal.close() }
            async let login = place.shell(
                "setsid -w -c $esgz login -u user localhost:1 <\(terminal.theirs) 2>\(terminal.theirs)")
            // The character that a terminal turns into SIGINT.
            try await onThread { try terminal.type("\u{3}", after: "Password: ") }
            #expect(try await login.status == 130, "\(terminal.text)")
            #expect(terminal.echoes)
        }
    }

    @Test func withoutATerminalNobodyIsAsked() async throws {
        try await withWorkplace { place, _ in
            for arguments in ["localhost:1", "-u user localhost:1"] {
                let login = try await place.shell("$esgz login \(arguments) </dev/null")
                try place.expectFailure(login, 2, saying: ["use --username and --password-stdin"])
            }
        }
    }

    // MARK: Others' files

    @Test(.enabled(if: Command.isExpected("skopeo"), "skopeo is not installed"))
    func skopeoReadsWhatWeWriteAndWeReadWhatItWrites() async throws {
        try await withRegistry { place, registry in
            let (ours, theirs) = (place.directory.appending("ours.json"), place.directory.appending("theirs.json"))
            #expect(try await place.login(registry.name, "--authfile", ours.string).status == 0)
            let theirLogin = try await place.shell(
                "printf \(Self.password) | skopeo login --tls-verify=false -u user --password-stdin "
                    + "--authfile \(theirs) \(registry.name)")
            #expect(theirLogin.status == 0, "\(theirLogin.errors)")

            let push = try await place.convert(to: "docker://\(registry.name)/app:1", "--authfile", theirs.string)
            #expect(push.status == 0, "\(push.errors)")
            let inspect = try await place.shell(
                "skopeo inspect --raw --tls-verify=false --authfile \(ours) docker://\(registry.name)/app:1")
            #expect(inspect.status == 0 && inspect.output.contains("schemaVersion"), "\(inspect.errors)")

            // Each logs the other out.
            let logout = try await place.shell("skopeo logout --authfile \(ours) \(registry.name)")
            #expect(logout.status == 0, "\(logout.errors)")
            #expect(try !text(of: ours).contains(Self.auth))
            let ourLogout = try await place.esgz(["logout", "--authfile", theirs.string, registry.name])
            #expect(ourLogout.output == "logged out of \(registry.name)\n", "\(ourLogout.errors)")
            #expect(try !text(of: theirs).contains(Self.auth))
        }
    }

    @Test func anotherFileThatComesFirstIsMentioned() async throws {
        try await withRegistry { place, registry in
            try write(
                Array(#"{"auths":{"\#(registry.name)":{"auth":"eDp5"}}}"#.utf8),
                to: place.directory.appending("home/run/containers/auth.json"))
            let login = try await place.login(registry.name)
            #expect(login.errors.contains("home/run/containers/auth.json has credentials for \(registry.name) as well"))
            let logout = try await place.esgz(["logout", registry.name])
            #expect(logout.errors.contains("home/run/containers/auth.json still has credentials"))
        }
    }

    private func withRegistry(_ body: (Workplace, LocalRegistry) async throws -> Void) async throws {
        try await withWorkplace { place, _ in
            let storage = place.directory.appending("registry")
            try FileManager.default.createDirectory(atPath: storage.string, withIntermediateDirectories: true)
            let registry = try LocalRegistry(in: storage, user: ("user", Self.password))
            defer { registry.stop() }
            try await body(place, registry)
        }
    }

    private func text(of path: FilePath) throws -> String {
        String(decoding: try FileSlice(opening: path).bytes(), as: UTF8.self)
    }

    private func mode(of path: FilePath) throws -> mode_t {
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
        return status.st_mode & 0o777
    }
}

extension Workplace {
    fileprivate func login(
        _ registry: String, environment: [String: String] = [:], _ arguments: String...
    ) async throws -> Command {
        try await shell(
            "echo pass:word | $esgz login --username user --password-stdin \(registry) "
                + arguments.joined(separator: " "), environment: environment)
    }
}
