import Archive
import Content
import EStargz
import TestSupport
import Testing

/// The bytes of the format, against vectors that were read off other writers.
struct FormatTests {
    @Test func theFooterHoldsTheOffsetInSixteenDigits() {
        let expected =
            "1f8b08040000000000ff1a00534716003030303030303030303030303031613953544152475a010000ffff0000000000000000"
        let footer = Footer(tocOffset: 0x1a9).bytes
        #expect(footer.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected)
        #expect(footer.count == Footer.count)
        #expect(Footer(tocOffset: .max).bytes.count == Footer.count)
    }

    @Test func theLandmarkIsTheFirstEntryAndStartsAMemberOfItsOwn() async throws {
        let blob = try await Tar { file("a", "x") }.converted()
        let header = blob.members[0].bytes
        #expect(header.count == 512)
        #expect(header.starts(with: ".no.prefetch.landmark\u{0}".utf8))
        // Mode, uid, gid, size, mtime, checksum, type, as the Go builder writes them.
        #expect(header[100..<124].elementsEqual("0000000\u{0}0000000\u{0}0000000\u{0}".utf8))
        #expect(header[124..<136].elementsEqual("00000000001\u{0}".utf8))
        #expect(header[136..<148].elementsEqual("00000000000\u{0}".utf8))
        #expect(header[148..<156].elementsEqual("013162\u{0} ".utf8))
        #expect(header[257..<265].elementsEqual("ustar\u{0}00".utf8))
        let landmark = try #require(blob.entry(".no.prefetch.landmark"))
        let digest = "sha256:dc0e9c3658a1a3ed1ec94274d8b19925c93e1abb7ddba294923ad9bde30f8cb8"
        #expect(landmark["digest"]?.string == digest)
        #expect(landmark["chunkDigest"]?.string == digest)
        #expect(landmark["offset"]?.integer == Int64(blob.members[1].offset))
        #expect(blob.members[1].bytes.first == 0x0f)
        #expect(landmark.object?.members.map(\.key) == ["name", "type", "size", "offset", "digest", "chunkDigest"])
    }

    /// The example of reference §1.2: headers ride behind the data before them, the rest of a block is padding.
    @Test func membersBeginWhereDataBegins() async throws {
        let blob = try await Tar {
            directory("d"); file("d/a", "0123456789"); file("d/e"); file("d/b", "01234567")
        }.converted(chunkSize: 4)
        // The TOC's own length depends on its JSON, so it is left out.
        #expect(blob.members.dropLast(2).map(\.bytes.count) == [512, 1536, 4, 4, 1528, 4, 508])
        #expect(blob.members.last?.bytes == [])
    }

    /// How many members there are: the landmark has two, then one for each chunk, the TOC and the footer.
    @Test(arguments: [
        (0, 0), (1, 1), (3, 1), (4, 1), (5, 2), (8, 2), (9, 3), (23, 6),
    ])
    func aFileIsCutAtMultiplesOfTheChunkSize(size: Int, chunks: Int) async throws {
        let content = (0..<size).map { UInt8($0) }
        let blob = try await Tar { file("f", content) }.converted(chunkSize: 4)
        #expect(blob.members.count == 4 + chunks)
        let entries = blob.entries(named: "f")
        #expect(entries.count == max(1, chunks))
        #expect(entries.map { $0["type"]?.string } == ["reg"] + (1..<max(1, chunks)).map { _ in "chunk" })
        #expect(entries.map { $0["chunkOffset"]?.integer ?? 0 } == (0..<max(1, chunks)).map { Int64($0) * 4 })
        // Full chunks say their size, the last one too where it is full; others leave it out.
        let sizes = (0..<chunks).map { min(4, size - $0 * 4) }
        #expect(entries.compactMap { $0["chunkSize"]?.integer } == sizes.filter { $0 == 4 }.map(Int64.init))
        #expect(entries[0]["size"]?.integer == (size == 0 ? nil : Int64(size)))
        #expect(entries[0]["digest"]?.string == Digest(of: content).description)
    }

    @Test func anEmptyLayerHasALandmarkAndNothingElse() async throws {
        for tar in [[], [UInt8](repeating: 0, count: 1024), [UInt8](repeating: 0, count: 10240), [0, 0, 0]] {
            let blob = try await Layer(tar).converted().parsed()
            #expect(blob.names == [".no.prefetch.landmark"])
            #expect(blob.members.count == 4)
        }
    }

    @Test(arguments: [
        (0, "", nil), (0, "6", nil), (1, "", "1970-01-01T00:00:01Z"), (1_600_000_000, "4", "2020-09-13T12:26:40Z"),
        (1_600_000_000, "6", "2020-09-13T12:26:41Z"), (-5, "", "1969-12-31T23:59:55Z"),
        (951_782_400, "", "2000-02-29T00:00:00Z"), (253_402_300_799, "", "9999-12-31T23:59:59Z"),
        (253_402_300_800, "", nil), (253_402_300_799, "5", nil), (-62_135_596_801, "", nil),
    ])
    func timesAreRoundedAndLeftOutWhereReadersCannotReadThem(seconds: Int64, fraction: String, text: String?)
        async throws
    {
        let blob = try await Tar(.pax) { file("a", "x").modified(seconds, fraction: fraction) }.converted()
        #expect(blob.entry("a")?["modtime"]?.string == text)
    }

    @Test func ownersAreNamedWhenTheirNameChanges() async throws {
        let blob = try await Tar {
            file("a").owner(1, 2).named("u", "g"); file("b").owner(1, 2).named("u", "g")
            file("c").owner(1, 2).named("v", "g"); file("d").owner(3, 2).named("u", "g")
        }.converted()
        #expect(["a", "b", "c", "d"].map { blob.entry($0)?["userName"]?.string } == ["u", nil, "v", "u"])
        #expect(["a", "b", "c", "d"].map { blob.entry($0)?["groupName"]?.string } == ["g", nil, nil, nil])
    }

    @Test func theTableEndsWithItsBrace() async throws {
        let blob = try await Tar { file("a", "x") }.converted()
        #expect(blob.tocText.last == UInt8(ascii: "}"))
        #expect(
            blob.tocText.starts(with: #"{"version":1,"entries":[{"name":".no.prefetch.landmark","type":"reg""#.utf8))
    }

    @Test func aLongRunOfHeadersIsCut() async throws {
        let directories = (0..<5000).map { directory("directory-\($0)") }
        let blob = try await Tar(.ustar, items: directories).converted()
        // 2.5 MiB of headers: none but the TOC may be longer than a mebibyte and a block.
        #expect(blob.members.dropLast(2).allSatisfy { $0.bytes.count <= 1 << 20 + 512 })
        #expect(blob.members.count == 4 + 2)
    }

    @Test func whatAnEStargzLayerBroughtAlongIsNotTakenOver() async throws {
        let blob = try await Tar {
            file(".prefetch.landmark", "\u{f}"); file("a", "x"); directory("d"); file("d/.prefetch.landmark", "kept")
            file("d/stargz.index.json", "kept"); file("./stargz.index.json", "{}")
        }.converted()
        #expect(blob.names == [".no.prefetch.landmark", "a", "d/", "d/.prefetch.landmark", "d/stargz.index.json"])
    }
}
