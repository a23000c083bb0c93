import Profiles
import TestSupport
import Testing

/// Which programs the command of an image starts, and how they lead to others.
struct StaticProgramTests {
    private let shell = program("bin/sh", TinyELF())

    @Test(arguments: [
        (["tool"], ["usr/bin/tool-1.0"]), (["/usr/bin/tool"], ["usr/bin/tool-1.0"]),
        (["bin/tool"], ["usr/bin/tool-1.0"]),
        (["plain"], []), (["nothing"], []), ([], []), ([""], []), (["/etc"], []),
    ])
    func theCommandIsFoundAsTheKernelFindsIt(command: [String], paths: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                directory("usr/local/bin/tool"); directory("etc"); file("usr/local/bin/plain", "not to be executed")
                symlink("bin", to: "usr/bin"); symlink("usr/bin/tool", to: "tool-1.0")
            },
            Tar { program("usr/bin/tool-1.0", TinyELF()) }, command: command, directory: "/usr")
        #expect(try await image.paths == paths)
    }

    @Test func theEntryPointComesBeforeTheCommand() async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/env", TinyELF()); program("bin/tool", TinyELF())
            }, entrypoint: ["env"], command: ["A=1", "tool"])
        #expect(try await image.paths == ["bin/env", "bin/tool"])
    }

    @Test(arguments: [
        ("#!/bin/one\n", ["bin/one"]), ("#! /bin/one -x\n", ["bin/one"]), ("#!/bin/one\r\n", ["bin/one"]),
        ("#!/usr/bin/env one\n", ["usr/bin/env", "bin/one"]),
        ("#!/usr/bin/env -S A=1 one -x\n", ["usr/bin/env", "bin/one"]),
        ("#!/usr/bin/env -S -i one\n", ["usr/bin/env", "bin/one"]),
        ("#!/bin/two\n", ["bin/two", "bin/one"]), ("#!/none\n", []), ("#!\n", ["bin/sh"]),
        ("one\n", ["bin/sh", "bin/one"]),
    ])
    func aScriptLeadsToItsInterpreter(script: String, paths: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("start", script)
                program("bin/one", TinyELF()); program("usr/bin/env", TinyELF()); program("bin/two", "#!/bin/one\n")
                shell
            }, command: ["/start"])
        #expect(try await image.paths == ["start"] + paths)
    }

    @Test(arguments: [
        ["tini", "--", "tool"], ["tini", "-s", "tool", "--", "x"], ["dumb-init", "tool"],
        ["gosu", "user:group", "tool"],
        ["setpriv", "--reuid", "1", "--clear-groups", "tool"], ["timeout", "-s", "KILL", "5", "tool"],
        ["env", "-u", "X", "PATH=/opt", "tool"], ["nice", "-n", "5", "tool"],
    ])
    func programsThatStartAnotherAreSeenThrough(command: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/\(command[0])", TinyELF()); program("opt/tool", TinyELF())
            }, command: command, environment: ["PATH=/bin:/opt"])
        #expect(try await image.paths == ["bin/\(command[0])", "opt/tool"])
    }

    @Test func filesOnTheCommandLineAreReadWithWhatTheyInclude() async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/server", TinyELF())
                file(
                    "etc/server.conf",
                    """
                    # include /etc/ignored
                    include conf.d/*.conf
                    key = "/etc/key.pem";
                    """)
                file("etc/conf.d/b.conf", "cert '/etc/cert.pem'\ninclude /etc/server.conf");
                file("etc/conf.d/a.conf", "")
                file("etc/conf.d/c.other", ""); file("etc/key.pem", ""); file("etc/cert.pem", "");
                file("etc/ignored", "")
                file("etc/last", "")
            }, command: ["server", "--config=/etc/server.conf", "-x", "etc/last"])
        #expect(
            try await image.paths == [
                "bin/server", "etc/server.conf", "etc/conf.d/a.conf", "etc/conf.d/b.conf", "etc/cert.pem",
                "etc/key.pem",
                "etc/last",
            ])
    }
}
