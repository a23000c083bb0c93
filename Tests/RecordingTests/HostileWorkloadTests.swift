import Content
import Glibc
import Profiles
import Recording
import SystemPackage
import TestSupport
import Testing

/// Nothing outside the image is read or written, whatever is in the image, and everything ends.
@Suite(.enabled(if: canRecord, "needs root, runc and gcc"))
struct HostileWorkloadTests {
    /// Records beside a directory that nobody may see or change.
    private func record(
        _ words: String, user: String? = nil, configuration: String = "",
        _ items: (_ outside: String) -> [TarItem]
    ) async throws -> [String] {
        try await withTemporaryDirectory { place in
            let outside = place.appending("outside")
            try write(Array("secret:x:0:0::/:/bin/sh\n".utf8), to: outside.appending("passwd"))
            chmod(outside.appending("passwd").string, 0o666)
            mkdir(place.appending("tmp").string, 0o755)
            let before = try await Command.run("find", [outside.string, "-printf", "%p %m %U %s %C@\n"])
            let image = try await ProbeImage(configuration) { items(outside.string) }
            defer { try? expectNothingLeft(in: place.appending("tmp")) }
            do {
                let paths = try await image.record(words, in: place.appending("tmp")) { $0.user = user }.profile.paths
                let after = try await Command.run("find", [outside.string, "-printf", "%p %m %U %s %C@\n"])
                #expect(before.output == after.output)
                return paths
            } catch {
                let after = try await Command.run("find", [outside.string, "-printf", "%p %m %U %s %C@\n"])
                #expect(before.output == after.output)
                throw error
            }
        }
    }

    @Test func linksStayInTheImage() async throws {
        let paths = try await record(
            "missing /absolute missing /climbing missing /loop missing /d/passwd open /magic write /dangling"
        ) { outside in
            [
                symlink("absolute", to: outside + "/passwd"), symlink("loop", to: "loop"), symlink("d", to: outside),
                symlink("climbing", to: "../../../../../../../.." + outside + "/passwd"),
                symlink("magic", to: "/proc/self/exe"), symlink("dangling", to: outside + "-new"),
                directory(String(outside.dropFirst()) + "/../"),
            ]
        }
        #expect(paths == ["probe"])
    }

    @Test func theAccountsOfTheMachineAreNotLookedUp() async throws {
        let failure = await #expect(throws: (any Error).self) {
            try await record("exit 0", user: "secret") { outside in
                [symlink("etc/passwd", to: outside + "/passwd"), symlink("etc/group", to: "/etc/passwd")]
            }
        }
        #expect("\(failure.map { "\($0)" } ?? "")".hasPrefix("/etc/passwd of the image has no user 'secret'"))
    }

    /// Files are mounted over those in `/etc`.
    @Test(arguments: ["etc", "etc/hosts", "etc/resolv.conf"])
    func placesToMountAtDoNotLeadOut(name: String) async throws {
        let paths = try await record("holds /etc/hosts localhost") { outside in
            [symlink(name, to: name == "etc" ? outside : outside + "/passwd")]
        }
        #expect(paths == ["probe"])
    }

    /// Some versions of runc make links and devices in what a link there leads to, on the machine.
    @Test(arguments: ["dev", "proc", "sys"])
    func placesThatRuntimesFillAreDirectories(name: String) async throws {
        let failure = await #expect(throws: (any Error).self) {
            try await record("exit 0") { outside in [symlink(name, to: outside)] }
        }
        #expect(
            failure.map { "\($0)" }
                == "/\(name) of the image is no directory, as it has to be for what is mounted there in a container")
    }

    @Test func devicesOfTheImageAreNone() async throws {
        var status = stat()
        #expect(stat("/", &status) == 0)
        // The disk that the machine's root is on, or one that would be memory.
        let (major, minor) = (Int64(status.st_dev >> 8 & 0xfff), Int64(status.st_dev & 0xff))
        let paths = try await record("missing /disk missing /memory missing /pipe open /a") { _ in
            [
                blockDevice("disk", major, minor).mode(0o666), characterDevice("memory", 1, 1).mode(0o666),
                characterDevice("pipe", 5, 0).mode(0o666), file("a", "x"), fifo("fifo"),
            ]
        }
        #expect(paths == ["probe", "a"])
    }

    @Test func setUserIDServesInsideAlone() async throws {
        let probe = try await Probe.shared.isStatic
        let paths = try await record("execute /su user 1000:1000 write /mine exit 0", user: "1000:1000") { _ in
            [
                file("su", probe).mode(0o4755), directory("d").mode(0o777), file("mine", "x").mode(0o600),
                file("d/../../../../up", "x"),
            ]
        }
        #expect(paths == ["probe", "su", "mine"])
    }

    @Test func aFullDiskOfNamesEnds() async throws {
        let failure = await #expect(throws: (any Error).self) {
            try await record("exit 0") { _ in [file(String(repeating: "n", count: 300), "x")] }
        }
        #expect("\(failure.map { "\($0)" } ?? "")".contains("File name too long"))
    }
}
