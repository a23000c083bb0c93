import Archive
import Content
import EStargz
import TestSupport
import Testing

/// Layers that are broken or mean harm end with an error that fits, in bounded memory, and never with a trap.
@Suite(.timeLimit(.minutes(5)))
struct HostileLayerTests {
    private static let small = Tar(.pax) {
        directory("d"); file("d/a", "some content").attribute("user.x", [1, 2, 255]); symlink("s", to: "d/a")
        hardlink("h", to: "d/a"); sparse(.pax10, "sp", size: 3000, [(700, "data")]); fifo("p")
    }

    /// Every bit pattern of a flipped byte goes through inflater and parser: the DiffID asked for is the one found.
    @Test(arguments: Layer.Packing.allCases)
    func eachFlippedByteIsFoundOrHarmless(packing: Layer.Packing) async throws {
        let blob = try Layer(Self.small.bytes, packing)
        // Every byte of a gzip blob; of the longer ones, in which most bytes are zeros, every third and seventh.
        let step = packing == .gzip ? 1 : packing == .plain ? 3 : 7
        for position in stride(from: 0, to: blob.bytes.count, by: step) {
            var bytes = blob.bytes
            bytes[position] ^= 0x55
            // The image's own digest finds every change.
            var claimed = Layer(blob: bytes, diffID: blob.identity.diffID)
            claimed.identity = blob.identity
            #expect(await failureKind { try await claimed.converted(workers: 1) } != nil)
            // An image that describes the broken bytes rightly: harmless, or an error, never a trap.
            guard packing == .plain || packing == .gzip else { continue }
            let layer = packing == .plain ? try Layer(bytes) : Layer(blob: bytes, diffID: blob.identity.diffID)
            do {
                _ = try await layer.converted(workers: 1).parsed()
            } catch is any Failure {
                continue
            }
        }
    }

    @Test(arguments: Layer.Packing.allCases)
    func eachTruncationIsFoundOrHarmless(packing: Layer.Packing) async throws {
        let blob = try Layer(Self.small.bytes, packing)
        for count in stride(from: 0, to: blob.bytes.count, by: packing == .plain ? 41 : 3) {
            var cut = Layer(blob: Array(blob.bytes.prefix(count)), diffID: blob.identity.diffID)
            // Without the frame that readers skip, zstd:chunked is as good as before.
            let kind = await failureKind { try await cut.converted(workers: 1) }
            #expect(kind != nil || packing == .zstdSkippable, "\(count)")
            cut.identity = blob.identity
            #expect(await failureKind { try await cut.converted(workers: 1) } == .invalid, "\(count)")
        }
    }

    @Test func whatIsNotWhatTheImageSaysIsInvalid() async throws {
        let right = try Layer(Self.small.bytes, .gzip)
        let other = Digest(of: [1])
        for identity in [
            LayerIdentity(digest: other, size: right.identity.size, diffID: right.identity.diffID),
            LayerIdentity(digest: right.identity.digest, size: right.identity.size + 1, diffID: right.identity.diffID),
            LayerIdentity(digest: right.identity.digest, size: right.identity.size - 1, diffID: right.identity.diffID),
            LayerIdentity(digest: right.identity.digest, size: right.identity.size, diffID: other),
        ] {
            var layer = right
            layer.identity = identity
            #expect(await failureKind { try await layer.converted() } == .invalid)
        }
    }

    @Test func bytesThatAreNoMemberMayNotFollowAGzipStream() async throws {
        let right = try Layer(Self.small.bytes, .gzip)
        let layer = Layer(blob: right.bytes + [0, 0, 0], diffID: right.identity.diffID)
        #expect(await failureKind { try await layer.converted() } == .invalid)
    }

    @Test(arguments: [
        (
            "a bad checksum",
            Tar {
                file("a", "x"); file("b", "y").withBadChecksum; file("c")
            }, FailureKind.invalid
        ),
        (
            "one zero block within",
            Tar {
                file("a", "x"); rawBytes([UInt8](repeating: 0, count: 512)); file("b")
            }, .invalid
        ),
        (
            "data behind a directory's slash",
            Tar {
                file("a/", "data"); file("b", "y")
            }, .invalid
        ),
        ("an unknown type", Tar { file("a").type("Q") }, .unsupported),
        ("a multi-volume part", Tar(.gnu) { file("a").type("M") }, .unsupported),
        ("no tar", Tar { rawBytes([UInt8](repeating: 0x41, count: 2000)) }, .invalid),
        ("a name that is not UTF-8", Tar { file([0x61, 0xe9], [1]) }, .unsupported),
        ("a symlink that is not UTF-8", Tar { symlink("a", to: [0xff, 0xfe]) }, .unsupported),
        ("a hard link without its target", Tar { hardlink("a", to: "elsewhere") }, .unsupported),
        ("a hard link to itself", Tar { hardlink("a", to: "a") }, .unsupported),
        (
            "hard links in a ring",
            Tar {
                hardlink("a", to: "b"); hardlink("b", to: "a")
            }, .unsupported
        ),
    ])
    func whatCannotBeConvertedIsRefused(name: String, tar: Tar, kind: FailureKind) async throws {
        #expect(await failureKind { try await Layer(tar.bytes).converted() } == kind, "\(name)")
    }

    @Test func whatIsLargerThanTheLimitIsRefused() async throws {
        let zeros = Tar { file("zeros", [UInt8](repeating: 0, count: 8 << 20)) }
        let bomb = try Layer(zeros.bytes, .gzip)
        #expect(bomb.bytes.count < 100_000)
        #expect(await failureKind { try await bomb.converted(limit: 1 << 20) } == .limit)
        let hole = Tar(.pax) { sparse(.pax10, "hole", size: 1 << 50, [(5, "x")]) }
        #expect(await failureKind { try await Layer(hole.bytes).converted() } == .limit)
    }

    /// More than the window holds, all of it to be dropped: nothing may wait for memory that never comes free.
    @Test func hugeEntriesThatAreDroppedDoNotStopTheFlow() async throws {
        let blob = try await Tar {
            file("a", "first"); file("stargz.index.json", [UInt8](repeating: 0x20, count: 96 << 20)); file("b", "last")
        }.converted()
        #expect(blob.names == [".no.prefetch.landmark", "a", "b"])
    }

    @Test func zerosBehindTheArchiveDoNotStopTheFlow() async throws {
        let tar = Tar { file("a", "x") }.bytes + [UInt8](repeating: 0, count: 96 << 20)
        #expect(try await Layer(tar, .gzip).converted().parsed().names == [".no.prefetch.landmark", "a"])
    }

    @Test func headersThatNeverEndAreRefused() async throws {
        let text = String(repeating: "x", count: 1 << 20 - 600)
        for count in [20, 31, 60] {
            let tar = Tar(.pax, items: (0..<count).map { _ in globalRecords([("comment", text)]) } + [file("a", "x")])
            let kind = await failureKind { try await Layer(tar.bytes).converted() }
            #expect(kind == nil || kind == .invalid)
        }
    }

    @Test func aSlowSourceGivesTheSameBytes() async throws {
        let layer = try Layer(Self.small.bytes, .gzipMembers)
        #expect(try await layer.paced(1).converted().bytes == layer.converted().bytes)
    }
}
