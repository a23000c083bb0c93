import Profiles
import TestSupport
import Testing

/// Which programs a shell script starts, as far as the image tells.
struct StaticShellTests {
    /// What is started by `/start server --flag` besides the shell.
    private func started(_ script: String, user: String = "") async throws -> [String] {
        let image = try StaticTestImage(
            Tar {
                program("start", "#!/bin/sh\n" + script)
                program("bin/sh", TinyELF())
                for name in ["server", "one", "two", "three", "gosu"] { program("bin/\(name)", TinyELF()) }
                file("etc/set.sh", "CHOSEN=two\n"); file("etc/empty"); directory("run")
                file("etc/start.d/b.sh", "one"); file("etc/start.d/a.sh", "two"); file("etc/start.d/c.txt", "three")
            }, entrypoint: ["/start"], command: ["server", "--flag"], user: user)
        let names = try await image.paths.dropFirst(2)
        return names.map { $0.hasPrefix("bin/") ? String($0.dropFirst(4)) : $0 }
    }

    @Test(arguments: [
        (#"exec "$@""#, ["server"]), (#"exec "$@"; one"#, ["server"]), ("exec server", ["server"]),
        ("one; two", ["one", "two"]), ("one # two", ["one"]), ("one \\\n two", ["one"]), ("echo one 'two\n three'", []),
        ("one | two && three", ["one", "two"]), ("one || two", ["one"]), ("A=1 one", ["one"]),
        ("(one); { two; }", ["one", "two"]),
        ("x=$(one); y=`two`", ["one", "two"]), (#"p=/bin/two; "$p""#, ["two"]), (#""${UNSET:-one}""#, ["one"]),
        ("one >/dev/null 2>&1 </etc/empty", ["one"]), ("cat <<END\ntwo\nEND\none", ["one"]),
        ("eval one", ["one"]), ("command one", ["one"]), ("none; one", ["one"]),
    ])
    func commandsAreStartedInOrder(script: String, programs: [String]) async throws {
        #expect(try await started(script) == programs)
    }

    @Test(arguments: [
        (#"if [ "$1" = server ]; then one; else two; fi"#, ["one"]),
        (#"if [ "$1" != server ]; then one; elif test -n "$2"; then two; else three; fi"#, ["two"]),
        (#"if [ "${1#-}" != "$1" ]; then one; fi; if [ "${2#-}" != "$2" ]; then two; fi"#, ["two"]),
        (#"if [[ $1 == ser* && -d /run ]]; then one; fi"#, ["one"]),
        ("if [ -s /etc/empty ] || [ ! -e /etc/set.sh ]; then one; fi; [ -x /bin/one ] && two", ["two"]),
        ("if three; then one; else two; fi", ["three"]),
        ("if three; then exec one; else two; fi; exec two", ["three", "one", "two"]),
        (#"case "$1" in -*) one ;; server|other) two ;; *) three ;; esac"#, ["two"]),
        (#"case "$2" in (-*) one ;; esac"#, ["one"]),
        (#"[ "$#" -eq 2 ] && one; [ "$#" -gt 2 ] && two"#, ["one"]),
        ("! true || one", ["one"]), ("while three; do one; done; two", ["three", "two"]),
    ])
    func conditionsThatTheImageAnswersAreAnswered(script: String, programs: [String]) async throws {
        #expect(try await started(script) == programs)
    }

    @Test(arguments: [
        (#"set -- one "$@"; exec "$@""#, ["one"]), (#"shift; set -- two "$@"; exec "$@""#, ["two"]),
        (". /etc/set.sh; $CHOSEN", ["etc/set.sh", "two"]), ("export P=one; $P", ["one"]),
        ("main() { one; exec \"$@\"; }\nmain two", ["one", "two"]), ("function f { two; }\nf", ["two"]),
        ("unused() { one; }\ntwo", ["two"]), ("f() { f; one; }; f", ["one"]),
        ("for x in one two; do $x; done", ["one", "two"]),
        ("for f in /etc/start.d/*.sh; do . $f; done", ["etc/start.d/a.sh", "two", "etc/start.d/b.sh", "one"]),
        ("exit; one", []), ("cd /bin; ./one", ["one"]),
    ])
    func theStateOfTheShellCounts(script: String, programs: [String]) async throws {
        #expect(try await started(script) == programs)
    }

    /// What the entry points of well-known images ask.
    @Test(arguments: [
        (#"if [ -z "$(command -v "${1}")" ]; then set -- one "$@"; fi; exec "$@""#, ["server"]),
        (#"set -- none; if [ -z "$(command -v "$1")" ]; then set -- one "$@"; fi; exec "$@""#, ["one"]),
        (#"if [ "${2:0:1}" = "-" ]; then one; fi; if [ "${1:0:1}" = "-" ]; then two; fi"#, ["one"]),
        (#"f() { [ "${#FUNCNAME[@]}" -ge 2 ] && [ "${FUNCNAME[1]}" = source ]; }; if ! f; then one; fi"#, ["one"]),
        (#"if three; then set -- two; fi; exec "$@""#, ["three", "server"]),
        (#"[ "${#1}" = 6 ] && one; x=abc; [ "${#x}" -lt 3 ] || two"#, ["one", "two"]),
    ])
    func questionsOfEntryPointsAreAnswered(script: String, programs: [String]) async throws {
        #expect(try await started(script) == programs)
    }

    @Test(arguments: [["/bin/sh", "/start"], ["busybox", "sh", "/start"]])
    func busyboxIsTheProgramThatItIsCalled(command: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/busybox", TinyELF()); symlink("bin/sh", to: "busybox"); symlink("bin/cat", to: "busybox")
                file("start", "cat /other; exec tool"); file("other", "exec none"); program("bin/tool", TinyELF())
            }, command: command)
        #expect(try await image.paths == ["bin/busybox", "start", "other", "bin/tool"])
    }

    @Test(arguments: [("", ["gosu", "server"]), ("nobody", ["server"])])
    func aScriptThatGivesUpBeingRootIsFollowed(user: String, programs: [String]) async throws {
        let script = #"if [ "$(id -u)" = 0 ]; then exec gosu nobody "$0" "$@"; fi; exec "$@""#
        #expect(try await started(script, user: user) == programs)
    }

    @Test(arguments: [
        ["sh", "-c", "exec two"], ["sh", "-ec", "one() { two; }; one"], ["sh", "-o", "nounset", "-c", "two"],
        ["sh", "-c", #"exec "$@""#, "name", "two"],
    ])
    func codeOnTheCommandLineIsRun(command: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/sh", TinyELF()); program("bin/one", TinyELF()); program("bin/two", TinyELF())
            }, command: command)
        #expect(try await image.paths == ["bin/sh", "bin/two"])
    }
}
