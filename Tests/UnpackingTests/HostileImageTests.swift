import Archive
import Content
import Glibc
import SystemPackage
import TestSupport
import Testing
import Unpacking

/// Nothing outside the directory is touched, whatever the image says and whatever is there already.
struct HostileImageTests {
    /// Unpacks into `root` beside a directory that must stay as it is, with `outside` in place of its path.
    private func unpack(
        _ items: (_ outside: String) -> Tar, over prepare: (_ root: FilePath, _ outside: FilePath) throws -> Void,
        _ check: (FilePath) throws -> Void
    ) async throws {
        try await withTemporaryDirectory { place in
            let (root, outside) = (place.appending("root"), place.appending("outside"))
            mkdir(root.string, 0o755)
            try write(Array("secret".utf8), to: outside.appending("file"))
            let before = description(of: outside.appending("file"))
            try prepare(root, outside)
            try await MergedTars(items(outside.string)).unpack(into: root)
            #expect(try names(below: place).filter { !$0.hasPrefix("root") } == ["outside", "outside/file"])
            #expect(try text(of: outside.appending("file")) == "secret")
            #expect(description(of: outside.appending("file")) == before)
            try check(root)
        }
    }

    @Test(arguments: ["../outside/file", "/../../outside/file", "a/../../outside/file"])
    func namesDoNotClimbOut(name: String) async throws {
        try await unpack({ _ in Tar { file(name, "evil") } }, over: { _, _ in }) { root throws in
            #expect(try text(of: root.appending("outside/file")) == "evil")
        }
    }

    @Test(arguments: ["file", "new", "d/e"])
    func linksInTheImageDoNotLeadOut(name: String) async throws {
        try await unpack(
            { outside in
                Tar {
                    symlink("absolute", to: outside); file("absolute/\(name)", "evil")
                    symlink("relative", to: "../outside"); file("relative/\(name)", "evil")
                    symlink("loop", to: "loop"); file("loop/\(name)", "evil")
                    hardlink("hard", to: "../outside/file")
                }
            }, over: { _, _ in }
        ) { root throws in
            for directory in ["absolute", "relative", "loop"] {
                #expect(description(of: root.appending(directory)).hasPrefix("directory"))
                #expect(try text(of: root.appending("\(directory)/\(name)")) == "evil")
            }
            #expect(description(of: root.appending("hard")) == "nothing")
        }
    }

    @Test func whatIsThereAlreadyIsReplacedAndNotFollowed() async throws {
        try await unpack(
            { _ in
                Tar {
                    file("link", "new"); file("directory/file", "new"); file("hard", "new"); symlink("plain", to: "x")
                    directory("kept"); file("kept/b", "new"); file("empty", "new")
                }
            },
            over: { root, outside throws in
                symlink(outside.appending("file").string, root.appending("link").string)
                symlink(outside.string, root.appending("directory").string)
                link(outside.appending("file").string, root.appending("hard").string)
                try write([1], to: root.appending("plain"))
                try write([1], to: root.appending("kept/a"))
                mkdir(root.appending("empty").string, 0o755)
            }
        ) { root throws in
            #expect(
                try names(below: root) == [
                    "directory", "directory/file", "empty", "hard", "kept", "kept/a", "kept/b", "link", "plain",
                ])
            #expect(description(of: root.appending("directory")).hasPrefix("directory"))
            #expect(description(of: root.appending("plain")).hasPrefix("link"))
            #expect(try text(of: root.appending("link")) == "new")
        }
    }

    @Test(arguments: [
        (Tar { file("f", "x").owner(-1, 0) }, "f: expected an owner from 0 to 4294967294, not -1"),
        (Tar(.gnu) { file("f", "x").owner(0, 1 << 32) }, "f: expected an owner from 0 to 4294967294, not 4294967296"),
        (Tar(.pax) { file(String(repeating: "n", count: 256), "x") }, "File name too long"),
        (Tar { characterDevice("null", 5000, 1) }, "null: expected a device from 0:0 to 4095:1048575, not 5000:1"),
    ])
    func whatLinuxCannotHoldIsAnError(tar: Tar, message: String) async throws {
        try await withTemporaryDirectory { place in
            let failure = await #expect(throws: (any Error).self) { try await MergedTars(tar).unpack(into: place) }
            #expect("\(failure.map { "\($0)" } ?? "")".contains(message), "\(String(describing: failure))")
            #expect((failure as? any Failure)?.kind == .invalid)
        }
    }

    @Test func aPathMayBeAsLongAsLinuxTakesIt() async throws {
        let image = try MergedTars(Tar(.pax) { file(String(repeating: "d/", count: 2030) + "f", "deep") })
        try await withTemporaryDirectory { place in
            try await image.unpack(into: place.appending("r"))
            let found = try await Command.run("find", ["r", "-type", "f", "-size", "4c"], in: place)
            #expect(found.output.count(where: { $0 == "d" }) == 2030)
            // FileManager does not remove what is so deep.
            _ = try await Command.run("rm", ["-rf", "r"], in: place)
        }
    }

    @Test func aFullDirectoryInTheWayOfAFileIsNamed() async throws {
        try await withTemporaryDirectory { place in
            try write([1], to: place.appending("d/e"))
            let failure = await #expect(throws: (any Error).self) {
                try await MergedTars(Tar { file("d", "x") }).unpack(into: place)
            }
            #expect("\(failure.map { "\($0)" } ?? "")" == "cannot replace d in \(place): Directory not empty")
        }
    }
}
