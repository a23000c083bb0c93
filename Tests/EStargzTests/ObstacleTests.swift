import Archive
import Content
import EStargz
import TestSupport
import Testing

/// Layers that no table of contents can tell truthfully stay as they are; others are refused.
struct ObstacleTests {
    private func failure(of tar: Tar) async throws -> any Error {
        let layer = try Layer(tar.bytes)
        do {
            _ = try await layer.converted()
        } catch {
            return (error as? ContextualFailure)?.cause ?? error
        }
        throw BadBlob("the layer was converted")
    }

    private static let latin1: [UInt8] = Array("caf".utf8) + [0xe9]

    @Test(arguments: Tar.Dialect.allCases, ["name", "symlink target", "name in a directory"])
    func aNameThatIsNotUTF8IsAnObstacle(dialect: Tar.Dialect, place: String) async throws {
        let tar = Tar(dialect) {
            file("before", "x")
            switch place {
            case "name": file(Self.latin1, Array("x".utf8))
            case "symlink target": symlink("link", to: Self.latin1)
            default: file(Array("d/".utf8) + Self.latin1 + Array("/x".utf8), [])
            }
        }
        let failure = try await failure(of: tar)
        #expect(failure is LayerObstacle)
    }

    @Test func aLongNameThatIsNotUTF8IsAnObstacle() async throws {
        let name = [UInt8](repeating: 0x61, count: 200) + Self.latin1
        for dialect in [Tar.Dialect.gnu, .pax] {
            #expect(try await failure(of: Tar(dialect) { file(name, []) }) is LayerObstacle)
        }
    }

    @Test(arguments: [
        ("dangling", Tar { hardlink("l", to: "gone") }),
        (
            "dangling after a replacement",
            Tar {
                file("d/f", "x"); file("d", "y"); hardlink("l", to: "d/f")
            }
        ),
        (
            "to itself",
            Tar {
                hardlink("l", to: "l"); file("b")
            }
        ),
        (
            "a cycle of two",
            Tar {
                hardlink("a", to: "b"); hardlink("b", to: "a")
            }
        ),
        (
            "a cycle of three",
            Tar {
                hardlink("a", to: "b"); hardlink("b", to: "c"); hardlink("c", to: "./a")
            }
        ),
        (
            "to the root",
            Tar {
                directory("./"); hardlink("l", to: "/")
            }
        ),
        (
            "to a landmark that is dropped",
            Tar {
                file(".no.prefetch.landmark", "\u{f}"); hardlink("l", to: ".no.prefetch.landmark")
            }
        ),
        (
            "to a directory",
            Tar {
                directory("d"); hardlink("l", to: "d")
            }
        ),
        (
            "to a directory that comes later",
            Tar {
                hardlink("l", to: "d"); directory("d")
            }
        ),
        (
            "below what it links to",
            Tar {
                file("a"); hardlink("a/b", to: "a")
            }
        ),
    ])
    func aHardLinkThatLeadsToNoFileIsAnObstacle(what: String, tar: Tar) async throws {
        #expect(try await failure(of: tar) is LayerObstacle)
    }

    @Test(arguments: [
        (
            "a file",
            Tar {
                file("a", "x"); file("a/b", "y")
            }
        ),
        (
            "a file further up",
            Tar {
                file("a", "x"); file("a/b/c/d", "y")
            }
        ),
        (
            "a symlink",
            Tar {
                directory("real"); symlink("a", to: "real"); file("a/b", "y")
            }
        ),
        (
            "a directory that became a symlink",
            Tar {
                directory("a"); file("a/b"); symlink("a", to: "c"); file("a/b", "y")
            }
        ),
        (
            "a device",
            Tar {
                characterDevice("a", 1, 3); directory("a/b")
            }
        ),
        (
            "a hard link",
            Tar {
                file("x"); hardlink("a", to: "x"); file("a/b", "y")
            }
        ),
    ])
    func whatLiesBelowNoDirectoryIsAnObstacle(what: String, tar: Tar) async throws {
        #expect(try await failure(of: tar) is LayerObstacle)
    }

    @Test(arguments: Array("MNDVZ8"))
    func typesThatNoImageHoldsAreUnsupported(flag: Character) async throws {
        // Volume labels belong to no entry and are passed over.
        guard flag != "V" else { return }
        let failure = try await failure(
            of: Tar(.gnu) {
                file("a", "x"); file("odd", "y").type(flag)
            })
        #expect((failure as? any Failure)?.kind == .unsupported)
        #expect("\(failure)".contains("odd"))
    }

    @Test func aHardLinkWithoutATargetIsUnsupported() async throws {
        let failure = try await failure(
            of: Tar {
                file("a"); hardlink("l", to: "")
            })
        #expect((failure as? any Failure)?.kind == .unsupported)
    }

    @Test func aFileWithDataAndASlashBehindItsNameIsUnsupported() async throws {
        let failure = try await failure(
            of: Tar {
                file("a/", "data"); file("b", "y")
            })
        #expect((failure as? any Failure)?.kind == .unsupported)
    }

    @Test(arguments: [
        (
            "a bad checksum",
            Tar {
                file("a", "x"); file("b", "y").withBadChecksum
            }
        ),
        ("a bad checksum at the start", Tar { file("b", "y").withBadChecksum }),
        (
            "no header",
            Tar {
                file("a", "x"); rawBytes([UInt8](repeating: 0x61, count: 512))
            }
        ),
        ("no tar at all", Tar(end: .missing) { rawBytes(Array("this is a text".utf8)) }),
        (
            "one zero block between entries",
            Tar {
                file("a", "x"); rawBytes([UInt8](repeating: 0, count: 512)); file("b", "y")
            }
        ),
        (
            "one zero block and a file",
            Tar {
                rawBytes([UInt8](repeating: 0, count: 512)); file("b", "y")
            }
        ),
        (
            "one zero block after global records",
            Tar {
                globalRecords([("a", "b")]); rawBytes([UInt8](repeating: 0, count: 512)); file("b", "y")
            }
        ),
        ("a size beyond the end", Tar(end: .missing) { file("a", "x").sizeField(100_000) }),
        ("a size of almost all", Tar(.gnu) { file("a", "x").sizeField(Int64.max - 1000) }),
        ("a negative size", Tar(.gnu) { file("a", "x").sizeField(-1) }),
        ("a name with a NUL in pax", Tar(.pax) { file("a", "x").record("path", "b\0c") }),
        ("an empty path in pax", Tar(.pax) { file("a", "x").record("path", "") }),
        ("a record that is too short", Tar { rawRecords("3 a=b\n") }),
        ("a record that is too long", Tar { rawRecords("99 a=b\n") }),
        ("a record without a length", Tar { rawRecords("a=b\n") }),
        ("a record without a value", Tar { rawRecords("5 ab\n") }),
        ("a sparse map beyond the size", Tar(.gnu) { sparse(.gnu, "s", size: 10, [(100, "data")]) }),
        (
            "a sparse map that goes back",
            Tar(.pax) { sparse(.pax01, "s", size: 5000, [(4000, "data"), (100, "data")]) }
        ),
        ("a sparse map that overlaps", Tar(.pax) { sparse(.pax10, "s", size: 5000, [(100, "data"), (102, "data")]) }),
    ])
    func whatIsMalformedIsInvalid(what: String, tar: Tar) async throws {
        let kind = await failureKind { try await Layer(tar.bytes).converted() }
        // A size that no limit allows is a matter of the limit.
        #expect(kind == .invalid || (what == "a size of almost all" && kind == .limit))
    }

    private static func rawRecords(_ text: String) -> TarItem { file("PaxHeaders/x", text).type("x") }

    @Test(arguments: Layer.Packing.allCases)
    func whatTheImageSaysMustBeTrue(packing: Layer.Packing) async throws {
        let tar = Tar { file("a", "x") }.bytes
        let layer = try Layer(tar, packing)
        let (right, other) = (layer.identity, Digest(of: [1]))
        for wrong in [
            LayerIdentity(digest: other, size: right.size, diffID: right.diffID),
            LayerIdentity(digest: right.digest, size: right.size + 1, diffID: right.diffID),
            LayerIdentity(digest: right.digest, size: right.size - 1, diffID: right.diffID),
            LayerIdentity(digest: right.digest, size: 0, diffID: right.diffID),
            LayerIdentity(digest: right.digest, size: right.size, diffID: other),
        ] {
            var claimed = layer
            claimed.identity = wrong
            #expect(await failureKind { try await claimed.converted() } == .invalid)
        }
    }

    @Test func digestsMayBeSHA512() async throws {
        let layer = try Layer(Tar { file("a", "x") }.bytes, .gzip)
        var (blob, diff) = (Hasher(.sha512), Hasher(.sha512))
        layer.bytes.withUnsafeBytes { blob.update($0) }
        Tar { file("a", "x") }.bytes.withUnsafeBytes { diff.update($0) }
        var claimed = layer
        claimed.identity = LayerIdentity(
            digest: blob.finalize(), size: layer.identity.size, diffID: diff.finalize())
        #expect(try await claimed.converted().parsed().names == [".no.prefetch.landmark", "a"])
    }

    @Test(arguments: [
        [UInt8](repeating: 0, count: 3), [0x1f, 0x8b, 8, 0], Array("text".utf8), Array("PK\u{3}\u{4} a zip file".utf8),
    ])
    func garbageBehindGzipIsInvalid(garbage: [UInt8]) async throws {
        let tar = Tar { file("a", "x") }.bytes
        let bytes = try Layer(tar, .gzip).bytes + garbage
        #expect(await failureKind { try await Layer(blob: bytes, diffID: Digest(of: tar)).converted() } == .invalid)
    }
}
