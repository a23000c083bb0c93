import Content
import EStargz
import TestSupport
import Testing

/// Reference §1.2, §4.1 and §10.4: which bytes share a gzip member.
struct MemberTests {
    private static let content = "Some contents"

    /// The members of the reference's table, and one more pair for the landmark, which the table's writer leaves out.
    @Test(arguments: [
        ("empty", 4, Tar {}),
        (
            "1dir_1empty_file", 4,
            Tar {
                directory("foo"); file("foo/bar.txt")
            }
        ),
        (
            "1dir_1file", 5,
            Tar {
                directory("foo"); file("foo/bar.txt", content).attribute("foo", [0xff, 0xfe, 0xfd])
            }
        ),
        (
            "2meta_2file", 5,
            Tar {
                directory("bar"); directory("foo"); file("foo/bar.txt", content).owner(50, 100)
            }
        ),
        (
            "3dir", 4,
            Tar {
                directory("bar"); directory("foo"); directory("foo/bar")
            }
        ),
        (
            "symlink", 4,
            Tar {
                directory("foo"); symlink("foo/bar", to: "../../x")
            }
        ),
        (
            "recursive", 5,
            Tar {
                directory("/"); directory("bar"); directory("foo"); file("foo/bar.txt", content)
            }
        ),
        (
            "block_char_fifo", 4,
            Tar {
                blockDevice("b", 123, 456); characterDevice("c", 111, 222); fifo("f")
            }
        ),
        (
            "lossy", 5,
            Tar {
                directory("foo"); file("foo/bar.txt", content); file("stargz.index.json", "dummy")
            }
        ),
        (
            "hardlink", 5,
            Tar {
                directory("foo"); file("foo/foo1", "test"); hardlink("foolink", to: "foo/foo1")
            }
        ),
        (
            "modes", 9,
            Tar { for number in 1...5 { directory("foo\(number)"); file("foo\(number)/bar", content) } }
        ),
    ])
    func membersBeginAtTheStartAndAtEachPayload(what: String, count: Int, tar: Tar) async throws {
        #expect(try await tar.converted().members.count == count)
    }

    @Test func aFileIsCutIntoChunks() async throws {
        let blob = try await Tar {
            directory("foo"); file("foo/big.txt", "This is such a big file")
        }
        .converted(chunkSize: 4)
        #expect(blob.members.count == 10)
        #expect(blob.entries(named: "foo/big.txt").map { $0["chunkSize"]?.integer } == [4, 4, 4, 4, 4, nil])
        #expect(blob.entries(named: "foo/big.txt").map { $0["chunkOffset"]?.integer } == [nil, 4, 8, 12, 16, 20])
        #expect(
            blob.entries(named: "foo/big.txt").map { $0["type"]?.string } == ["reg"]
                + [String?](repeating: "chunk", count: 5))
    }

    /// The lengths that the reference observed; the table of contents is compact here, so its member is shorter.
    @Test func paddingAndHeadersRideWithTheLastChunk() async throws {
        let blob = try await Tar {
            directory("d")
            file("d/a", "0123456789")
            file("d/e")
            file("d/b", "01234567")
        }.converted(chunkSize: 4)
        #expect(blob.members.dropLast(2).map(\.bytes.count) == [512, 1536, 4, 4, 1528, 4, 508])
        #expect(blob.members[1].bytes.first == 0x0f)
        #expect(blob.members.last?.bytes.count == 0)
    }

    @Test(
        arguments: [[UInt8](), [UInt8](repeating: 0, count: 1024), [UInt8](repeating: 0, count: 100)],
        Layer.Packing.allCases)
    func aLayerOfNothingHoldsTheLandmark(tar: [UInt8], packing: Layer.Packing) async throws {
        let blob = try await Layer(tar, packing).converted().parsed()
        #expect(blob.names == [".no.prefetch.landmark"])
        #expect(blob.members.map(\.bytes.count) == [512, 512, 2048, 0])
        // Reference §14: the landmark alone.
        #expect(
            Digest(of: Array(blob.tar.prefix(1024))).hex
                == "12d882de9660b8eebec7a6877f84cdf22722280f680b66e391f5fb2e69224d39")
    }

    @Test(arguments: [1, 2, 7, 512] as [Int64], [Int64](0...9))
    func chunkSizesFollowTheRule(chunkSize: Int64, number: Int64) async throws {
        // 0, 1, c−1, c, c+1, 2c−1, 2c, 2c+1, 3c, 3c+1
        let size = max(
            0,
            [
                0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize - 1, 2 * chunkSize,
                2 * chunkSize + 1, 3 * chunkSize, 3 * chunkSize + 1,
            ][Int(number)])
        let tar = Tar {
            file("f", [UInt8](repeating: 0x61, count: Int(size))); file("after", "x")
        }
        let blob = try await tar.converted(chunkSize: chunkSize)
        let entries = blob.entries(named: "f")
        let count = (size + chunkSize - 1) / chunkSize
        #expect(entries.count == max(1, Int(count)))
        for (position, entry) in entries.enumerated() where size > 0 {
            let isFull = size - Int64(position) * chunkSize >= chunkSize
            #expect(entry["chunkSize"]?.integer == (isFull ? chunkSize : nil))
            #expect((entry["digest"] != nil) == (position == 0))
            #expect(entry["chunkDigest"] != nil && entry["offset"] != nil)
        }
        if count == 1 { #expect(entries[0]["digest"] == entries[0]["chunkDigest"]) }
        let differences = try blob.tree().differences(from: tar.unpacked)
        #expect(differences == [])
    }

    @Test func onlyDataHasAnOffset() async throws {
        let blob = try await Tar {
            directory("d"); file("empty"); symlink("s", to: "d"); file("f", "x"); hardlink("l", to: "f"); fifo("p")
        }.converted()
        #expect(
            blob.entries.filter { $0["offset"] != nil }.compactMap { $0["name"]?.string } == [
                ".no.prefetch.landmark", "f",
            ])
    }

    @Test func headersAreCutAfterAMebibyte() async throws {
        let tar = Tar { for number in 0..<5000 { file("empty-\(number)") } }
        let blob = try await tar.converted()
        // A landmark's header; its byte and as many headers as fit; the rest in two; the table of contents; the footer.
        #expect(blob.members.dropLast(2).map(\.bytes.count) == [512, 512 + (1 << 20), 1 << 20, (5000 - 4096) * 512])
        #expect(blob.names.count == 5001)
    }

    @Test func theSourcesHeadersAreKeptByteForByte() async throws {
        let tar = Tar(.pax) {
            file("a", "x").attribute("user.b", [1]).record("VENDOR.note", "n").modified(5, fraction: "25").named(
                "me", "us")
            directory("d").mode(0o1777)
        }
        let source = tar.bytes.dropLast(1024)
        let blob = try await tar.converted()
        #expect(Array(blob.tar[1024..<1024 + source.count]) == Array(source))
    }

    /// Everything that follows the end of the source's archive is dropped; there is one end, behind the TOC.
    @Test(arguments: Tar.End.allCases)
    func theEndOfTheSourceDoesNotMatter(end: Tar.End) async throws {
        let items = [file("a", "x"), file("b", "some more")]
        let blob = try await Layer(Tar(.ustar, end: end, items: items).bytes).converted()
        let proper = try await Layer(Tar(.ustar, items: items).bytes).converted()
        #expect(blob.bytes == proper.bytes)
    }
}
