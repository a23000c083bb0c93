import Archive
import Content
import Glibc
import SystemPackage
import TestSupport
import Testing
import Unpacking

/// What unpacking leaves behind is what the image says.
@Suite(.enabled(if: geteuid() == 0, "only root may set owners and make devices"))
struct UnpackerTests {
    @Test func everyKindGetsItsOwnerModeAndTime() async throws {
        let image = try MergedTars(
            Tar(.pax) {
                directory("d").mode(0o1755).owner(1, 2).modified(1000)
                file("d/program", "#!").mode(0o4755).owner(7, 8).modified(1234)
                file("d/plain", "x").mode(0o000).owner(100_000, 0).modified(-5)
                symlink("d/link", to: "/etc/passwd").owner(3, 4).modified(99)
                characterDevice("d/null", 1, 3).mode(0o666).owner(5, 6).modified(77)
                blockDevice("d/disk", 8, 1).mode(0o660).owner(0, 6).modified(78)
                fifo("d/pipe").mode(0o622).owner(9, 9).modified(79)
            })
        try await withTemporaryDirectory { place in
            let shortfall = try await image.unpack(into: place.appending("root"))
            #expect(shortfall.isEmpty)
            let directory = place.appending("root/d")
            #expect(description(of: directory) == "directory 1755 1:2 @1000")
            #expect(description(of: directory.appending("program")) == "file 4755 7:8 @1234")
            #expect(description(of: directory.appending("plain")) == "file 0 100000:0 @-5")
            #expect(description(of: directory.appending("link")) == "link 777 3:4 @99")
            #expect(description(of: directory.appending("null")) == "character device 1:3 666 5:6 @77")
            #expect(description(of: directory.appending("disk")) == "block device 8:1 660 0:6 @78")
            #expect(description(of: directory.appending("pipe")) == "FIFO 622 9:9 @79")
            // The image has no entry for its root.
            #expect(description(of: place.appending("root")).hasPrefix("directory 755 0:0"))
        }
    }

    @Test func layersAreMerged() async throws {
        let image = try MergedTars(
            Tar {
                file("a", "lower"); file("gone", "x"); directory("d"); file("d/old", "x")
            },
            Tar {
                file("a", "upper"); file(".wh.gone"); file("d/.wh..wh..opq"); file("d/new", "y"); file("deep/er", "z")
            })
        try await withTemporaryDirectory { place in
            try await image.unpack(into: place)
            #expect(try names(below: place) == ["a", "d", "d/new", "deep", "deep/er"])
            #expect(try text(of: place.appending("a")) == "upper")
            #expect(description(of: place.appending("deep")).hasPrefix("directory 755 0:0"))
        }
    }

    @Test func hardLinksShareOneFile() async throws {
        let image = try MergedTars(
            Tar {
                file("d/one", "data").mode(0o640); hardlink("two", to: "d/one"); file("other", "data")
                symlink("link", to: "x"); hardlink("again", to: "link")
            })
        try await withTemporaryDirectory { place in
            try await image.unpack(into: place)
            func inode(_ name: String) -> ino_t {
                var status = stat()
                return lstat(place.appending(name).string, &status) == 0 ? status.st_ino : 0
            }
            #expect(inode("d/one") == inode("two") && inode("two") != inode("other"))
            #expect(inode("link") == inode("again"))
        }
    }

    @Test(.enabled(if: Command.isExpected("getfattr"), "getfattr is not installed"))
    func extendedAttributesOutliveTheOwner() async throws {
        // As `setcap cap_net_raw=ep` writes it.
        let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let image = try MergedTars(
            Tar(.pax) {
                file("ping", "x").mode(0o755).owner(1, 1).attribute("security.capability", capability)
                directory("d").attribute("user.note", Array("hello".utf8))
                symlink("link", to: "nowhere").attribute("trusted.note", [7])
                directory("led").attribute("trusted.overlay.redirect", Array("/d".utf8))
            })
        try await withTemporaryDirectory { place in
            let shortfall = try await image.unpack(into: place)
            let listing = try await Command.run(
                "getfattr", ["-d", "-h", "-m", "-", "-e", "hex", "ping", "d", "link", "led"], in: place)
            #expect(listing.output.contains("security.capability=0x0100000200200000"), "\(listing)")
            #expect(listing.output.contains("user.note=0x68656c6c6f"))
            #expect(listing.output.contains("trusted.note=0x07"))
            // An overlay over it would obey.
            #expect(!listing.output.contains("overlay"))
            #expect(shortfall.description == "not permitted, and left out: 1 extended attribute")
        }
    }

    @Test func holesTakeNoRoom() async throws {
        let image = try MergedTars(
            Tar(.gnu) {
                sparse(.gnu, "sparse", size: 4 << 30, [(offset: 2 << 30, bytes: String(repeating: "x", count: 512))])
                file("zeros", [UInt8](repeating: 0, count: 2 << 20) + [1])
            })
        try await withTemporaryDirectory { place in
            try await image.unpack(into: place)
            for (name, size) in [("sparse", 4 << 30), ("zeros", 2 << 20 | 1)] {
                var status = stat()
                #expect(lstat(place.appending(name).string, &status) == 0)
                #expect(status.st_size == size && status.st_blocks * 512 < 300_000, "\(name)")
            }
            let file = try FileSlice(opening: place.appending("sparse"))
            #expect(try file.file.descriptor.readByte(at: 2 << 30) == UInt8(ascii: "x"))
            #expect(try file.file.descriptor.readByte(at: 2 << 30 - 1) == 0)
        }
    }

    @Test(arguments: [
        ("usr/share", ["share", "share/doc", "share/doc/a"]), ("usr/share/doc/a", ["a"]), ("usr/link", ["link"]),
    ])
    func aPartIsPutUnderItsOwnName(path: String, expected: [String]) async throws {
        let image = try MergedTars(
            Tar {
                file("usr/share/doc/a", "x"); file("usr/lib/b", "x"); symlink("usr/link", to: "lib")
            })
        try await withTemporaryDirectory { place in
            try await image.unpack(path, into: place)
            #expect(try names(below: place) == expected)
        }
    }

    @Test func aPathThatIsNotThereIsNamed() async throws {
        let image = try MergedTars(Tar { file("a", "x") })
        try await withTemporaryDirectory { place in
            let failure = await #expect(throws: (any Error).self) { try await image.unpack("b", into: place) }
            #expect(failure.map { "\($0)" } == "b: the image has no such file")
        }
    }
}

extension FileDescriptor {
    fileprivate func readByte(at offset: Int64) throws -> UInt8? {
        var byte: UInt8 = 0xff
        return try withUnsafeMutableBytes(of: &byte) { try read(fromAbsoluteOffset: offset, into: $0) } == 1
            ? byte : nil
    }
}
