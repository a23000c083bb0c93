import Profiles
import TestSupport
import Testing

/// Images that want a profile never to end, to take all memory, or to read what is not there.
@Suite(.timeLimit(.minutes(10)))
struct StaticHostileTests {
    @Test func everyCutOffAndEveryFlippedByteOfAnELFFileIsBorne() async throws {
        let whole = TinyELF(interpreter: "/lib64/ld.so", needed: ["liba.so"], runPath: "/x").bytes
        let flipped = whole.indices.flatMap { place in
            [UInt8(0), 0x7f, 0xff].map { value in
                var bytes = whole
                bytes[place] = value
                return bytes
            }
        }
        for bytes in (0..<whole.count).map({ Array(whole.prefix($0)) }) + flipped {
            let image = try StaticTestImage(
                Tar {
                    file("tool", bytes).mode(0o755); file("lib64/ld.so", TinyELF().bytes); file("x/liba.so", bytes)
                }, command: ["/tool"])
            #expect(try await image.paths.first == "tool")
        }
    }

    @Test func addressesBeyondAllNumbersAreBorne() async throws {
        var bytes = TinyELF(interpreter: "/lib64/ld.so", needed: ["liba.so"]).bytes
        // Where the first segment is loaded, and where the table of strings is.
        let tag = try #require(bytes.firstRange(of: [5, 0, 0, 0, 0, 0, 0, 0]))
        for position in 80..<88 { bytes[position] = 0xff }
        for position in tag.upperBound..<tag.upperBound + 8 { bytes[position] = 0xff }
        bytes[tag.upperBound + 7] = 0x7f
        let image = try StaticTestImage(
            Tar {
                file("tool", bytes).mode(0o755); file("lib64/ld.so", TinyELF().bytes)
            }, command: ["/tool"])
        #expect(try await image.paths.first == "tool")
    }

    @Test(arguments: [
        "#!/start\n", "#!/usr/bin/env /start\n", "#!/other\n", "/start\n/start\n", "exec /start \"$@\" x\n",
        "f() { f; f; }; f\n", ". /start; . /start\n", "while true; do /start; done\n", "eval \"$0; $0\"\n",
        "! ! ! ! true\n", "set -- \"$@\" \"$@\" \"$@\" x; exec /start \"$@\"\n", "x=\"$x$x$x\"; . /start\n",
        "((((((((\n", "if if if if\n", "case case in in\n", "a() b() c() d()\n", "$(($(($((\n", "`````\n", "<<<<<<\n",
        "for x in /*/*/*/*; do /start $x; done\n",
    ])
    func aScriptThatStartsItselfEnds(script: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("start", script); program("other", "#!/start\n"); program("bin/sh", TinyELF())
                program("usr/bin/env", TinyELF()); symlink("loop", to: "loop"); symlink("up", to: "..")
            }, command: ["/start", "one"])
        #expect(try await image.paths.first == "start")
    }

    @Test(arguments: ["! ", "( ", "{ ", "if ", "a && ", "x() ", "$( ", "\"$(", "case x in (", "${x:-", "[ ! "])
    func endlessNestingInAScriptEnds(text: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("start", "#!/bin/sh\n" + String(repeating: text, count: 50_000)); program("bin/sh", TinyELF())
            }, command: ["/start"])
        #expect(try await image.paths == ["start", "bin/sh"])
    }

    @Test func setThatDoublesItsArgumentsEnds() async throws {
        let script = "#!/bin/sh\n" + String(repeating: "set -- \"$@\" \"$@\"; x=\"$*$x\"\n", count: 60)
        let image = try StaticTestImage(
            Tar {
                program("start", script); program("bin/sh", TinyELF())
            }, command: ["/start", "one"])
        #expect(try await image.paths == ["start", "bin/sh"])
    }

    @Test func librariesThatNeedEachOtherWithoutEndAreBounded() async throws {
        let names = (0..<4000).map { "lib\($0).so" }
        let all = TinyELF(
            interpreter: "/lib64/ld.so", needed: names,
            rpath: Array(repeating: "$ORIGIN", count: 500).joined(separator: ":"))
        let image = try StaticTestImage(
            Tar {
                program("tool", all); file("lib64/ld.so", TinyELF().bytes)
                file("lib0.so", TinyELF(needed: names).bytes)
                for number in 1..<200 {
                    file("lib\(number).so", TinyELF(needed: ["lib\(number + 1).so", "lib0.so"]).bytes)
                }
            }, command: ["/tool"])
        let paths = try await image.paths
        #expect(paths.count > 100 && paths.count < 4000)
    }

    @Test(arguments: [
        "import m0", String(repeating: "if x:\n ", count: 20_000), String(repeating: "(", count: 100_000), "'''", "\\",
        "from . import x", "from .... import x", "import " + String(repeating: "a.", count: 50_000) + "b",
    ])
    func pythonThatImportsWithoutEndIsBounded(script: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/python3.12", TinyELF()); file("usr/lib/python3.12/os.py")
                file("app/main.py", script)
                for number in 0..<1000 { file("app/m\(number).py", "import m\(number + 1), m0") }
                file("app/m1000.py", "import m0")
            }, command: ["python3.12", "/app/main.py"])
        #expect(try await image.paths.contains("app/main.py"))
    }

    @Test(arguments: [
        "require('./m0')", String(repeating: "(", count: 200_000), "`${`${`${", "/[/", "'", "/*",
        String(repeating: "function(){", count: 100_000),
    ])
    func scriptsThatRequireWithoutEndAreBounded(script: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/node", TinyELF()); file("app/main.js", script)
                for number in 0..<1000 { file("app/m\(number).js", "require('./m\(number + 1)'); require('./m0')") }
            }, command: ["node", "/app/main.js"])
        #expect(try await image.paths.contains("app/main.js"))
    }

    @Test func configurationsThatIncludeEachOtherEnd() async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/sbin/nginx", TinyELF())
                file("etc/nginx/nginx.conf", "include *.conf; include /etc/nginx/*/*/*.conf; include [; include \\;")
                for number in 0..<200 { file("etc/nginx/\(number).conf", "include *.conf;") }
                symlink("etc/nginx/loop.conf", to: "loop.conf"); symlink("etc/nginx/dir", to: ".")
            }, command: ["/usr/sbin/nginx"])
        #expect(try await image.paths.count == 202)
    }

    @Test func exportsOfAPackageThatNestWithoutEndAreBounded() async throws {
        let nested = String(repeating: "{\"node\":", count: 400) + "\"./x.js\"" + String(repeating: "}", count: 400)
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/node", TinyELF()); file("app/main.js", "require('pack')")
                file("app/node_modules/pack/package.json", "{\"exports\": \(nested)}");
                file("app/node_modules/pack/x.js")
            }, command: ["node", "/app/main.js"])
        #expect(try await image.paths.contains("app/main.js"))
    }
}
