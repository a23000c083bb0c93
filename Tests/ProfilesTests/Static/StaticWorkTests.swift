import Content
import Profiles
import TestSupport
import Testing

/// Images in which little text makes much work: all of it is counted, and ends.
@Suite(.timeLimit(.minutes(10)))
struct StaticWorkTests {
    @Test(arguments: [
        "[ " + String(repeating: "! ", count: 50_000) + "x ]",
        "[ " + String(repeating: "x -o ", count: 50_000) + "x ]",
        "x=\(String(repeating: "a", count: 60_000))\n"
            + (0..<500).map { "v\($0)=\"$x\"b\n/bin/p \($0)\n" }.joined(),
        (0..<2000).map { "for i in /*/*/*/*\($0)* /d/**/x; do :; done\n" }.joined(),
        "set -- " + String(repeating: "a ", count: 4000) + "\nfor i in " + String(repeating: "$@ ", count: 50_000)
            + "; do :; done\n/bin/p " + String(repeating: "$@ ", count: 50_000),
        "export PATH=" + String(repeating: "/a:", count: 20_000) + "\n" + String(repeating: "p\n", count: 2000),
    ])
    func scriptsThatMakeMuchOfLittleEnd(script: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("start", "#!/bin/sh\n" + script); program("bin/sh", TinyELF()); program("bin/p", TinyELF())
                for number in 0..<1000 { file("d/\(number % 50)/f\(number)") }
            }, command: ["/start"])
        #expect(try await image.paths.prefix(2) == ["start", "bin/sh"])
    }

    @Test func conditionsAreAnsweredBehindSeveralNegations() async throws {
        let image = try StaticTestImage(
            Tar {
                program("start", "#!/bin/sh\n[ ! ! ! -e /none ] && /bin/p\n[ ! ! -e /none ] && /bin/q\n")
                program("bin/sh", TinyELF()); program("bin/p", TinyELF()); program("bin/q", TinyELF())
            }, command: ["/start"])
        #expect(try await image.paths == ["start", "bin/sh", "bin/p"])
    }

    @Test(arguments: [
        String(repeating: "if " + String(repeating: "not ", count: 3000) + "x: import a\n", count: 100),
        "if x:\n" + String(repeating: "elif y:\n", count: 100_000),
        "try:\n a\n" + String(repeating: "except y:\n", count: 100_000),
    ])
    func conditionsInPythonWithoutEndAreBounded(script: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/python3.12", TinyELF()); file("usr/lib/python3.12/os.py"); file("main.py", script)
            }, command: ["python3.12", "/main.py"])
        #expect(try await image.paths.contains("main.py"))
    }

    /// Two of these make one character, so that walking back over them leads to the start each time.
    private static let regionalIndicators = String(repeating: "\u{1F1E6}", count: 60_000)

    @Test func textsThatAreOneRunOfRegionalIndicatorsEnd() async throws {
        let python = try StaticTestImage(
            Tar {
                program("usr/bin/python3.12", TinyELF()); file("usr/lib/python3.12/os.py"); file("main.py")
                file("usr/lib/python3.12/site-packages/a.pth", Self.regionalIndicators + "\n/app\n")
                file("app/own.py")
            }, command: ["python3.12", "-c", "import own"])
        #expect(try await python.paths.last == "app/own.py")
        let perl = try StaticTestImage(
            Tar {
                program("usr/bin/perl", TinyELF()); file("main.pl", "use parent \(Self.regionalIndicators)")
            },
            command: ["perl", "/main.pl"])
        #expect(try await perl.paths == ["usr/bin/perl", "main.pl"])
    }

    @Test(arguments: [
        (["/tool"], "etc/ld.so.conf", "include /**/zz*\ninclude /*/*/zz*\n"),
        (["/usr/sbin/nginx"], "etc/nginx/nginx.conf", "include /*/*/zz*;\ninclude nginx.conf; include *;\n"),
    ])
    func patternsAreComparedWithABoundedNumberOfNames(command: [String], path: String, text: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program("tool", TinyELF(interpreter: "/ld.so", needed: ["x.so"])); file("ld.so", TinyELF().bytes)
                program("usr/sbin/nginx", TinyELF()); file(path, String(repeating: text, count: 5000))
                for number in 0..<2000 { file("d/\(number % 50)/f\(number)") }
            }, command: command)
        #expect(try await image.paths.first == String(command[0].dropFirst()))
    }

    @Test func anRPATHThatExpandsToMegabytesIsDropped() async throws {
        let directory = String(repeating: "a", count: 80)
        let paths = String(repeating: "$ORIGIN", count: 500) + ":$ORIGIN/lib"
        let image = try StaticTestImage(
            Tar {
                program(
                    "\(directory)/tool",
                    TinyELF(interpreter: "/ld.so", needed: (0..<2000).map { "l\($0).so" }, rpath: paths))
                file("ld.so", TinyELF().bytes); file("\(directory)/lib/l0.so", TinyELF().bytes)
            }, command: ["/\(directory)/tool"])
        let names = try await image.paths.map { $0.replacing(directory, with: "d") }
        #expect(names == ["d/tool", "ld.so", "d/lib/l0.so"])
    }

    @Test func namesAreLookedForInABoundedNumberOfExports() async throws {
        let exports = (0..<20_000).map { "\"./k\($0)*z\": \"./a.js\"" }.joined(separator: ", ")
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/node", TinyELF()); file("node_modules/p/a.js")
                file("main.js", (0..<5000).map { "require('p/q\($0)')\n" }.joined() + "require('p/k19999xz')")
                file("node_modules/p/package.json", "{\"exports\": {\(exports), \"./k19999xz\": \"./a.js\"}}")
            }, command: ["node", "/main.js"])
        #expect(try await image.paths.suffix(2) == ["main.js", "node_modules/p/package.json"])
    }

    @Test(arguments: ["Entrypoint", "Cmd"], [JSON.string("/bin/sh"), .object(JSON.Object()), .array([.bool(true)])])
    func aCommandThatIsNoArrayOfStringsIsMalformed(field: String, value: JSON) async throws {
        let image = try StaticTestImage(Tar { program("bin/sh", TinyELF()) }, changes: [field: value])
        let failure = await #expect(throws: StaticProfileFailure.self) { try await image.paths }
        #expect(failure?.kind == .invalid)
        #expect(failure?.description.contains("'\(field)'") == true)
    }

    @Test func aCancelledTaskMakesNoProfile() async throws {
        let image = try StaticTestImage(
            Tar { program("bin/sh", TinyELF()) }, command: ["/bin/sh", "-c", String(repeating: ":;", count: 10_000)]
        ).image
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await StaticProfiler().profile(of: image)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
