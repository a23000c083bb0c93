import Content
import EStargz
import TestSupport
import Testing

/// Reference §2.1, §3 and §14: bytes that every reader compares.
struct FormatTests {
    @Test func theFooterIsThatOfTheReference() {
        #expect(
            Footer(tocOffset: 0x1a9).bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
                == "1f8b08040000000000ff1a00534716003030303030303030303030303031613953544152475a010000ffff0000000000000000"
        )
    }

    @Test(arguments: [Int64](stride(from: 0, through: 200_000, by: 1023)) + [.max])
    func aFooterIsAnEmptyMemberThatSaysTheOffset(offset: Int64) throws {
        let bytes = Footer(tocOffset: offset).bytes
        let member = try #require(try GzipMember.all(of: bytes).first)
        #expect(bytes.count == Footer.count)
        #expect(member.bytes.isEmpty)
        #expect(Int64(String(decoding: member.extra[4..<20], as: UTF8.self), radix: 16) == offset)
    }

    @Test func theLandmarkIsThatOfTheReference() async throws {
        let blob = try await Tar { file("a", "x") }.converted()
        let header = Array(blob.tar.prefix(512))
        #expect(Array(header[148..<156]) == Array("013162\0 ".utf8))
        #expect(
            Array(header[100..<148])
                == Array("0000000\u{0}0000000\u{0}0000000\u{0}00000000001\u{0}00000000000\u{0}".utf8))
        #expect(Array(header[156..<158]) == Array("0\0".utf8))
        #expect(Array(header[257..<265]) == Array("ustar\u{0}00".utf8))
        #expect(Array(header[329..<345]) == Array("0000000\u{0}0000000\u{0}".utf8))
        let entry = try #require(blob.entries.first)
        let digest = "sha256:dc0e9c3658a1a3ed1ec94274d8b19925c93e1abb7ddba294923ad9bde30f8cb8"
        #expect(
            String(decoding: entry.text, as: UTF8.self)
                == #"{"name":".no.prefetch.landmark","type":"reg","size":1,"offset":\#(blob.members[1].offset),"#
                + #""digest":"\#(digest)","chunkDigest":"\#(digest)"}"#)
    }

    @Test func theTableOfContentsIsCompactAndEndsWithItsBrace() async throws {
        let blob = try await Tar { directory("d") }.converted()
        let text = String(decoding: blob.tocText, as: UTF8.self)
        #expect(text.hasPrefix(#"{"version":1,"entries":[{"name":".no.prefetch.landmark","#))
        #expect(
            text.hasSuffix(
                #","chunkDigest":"sha256:dc0e9c3658a1a3ed1ec94274d8b19925c93e1abb7ddba294923ad9bde30f8cb8"},{"name":"d/","type":"dir","mode":493}]}"#
            ))
    }

    @Test func allFieldsStandInTheirOrder() async throws {
        let blob = try await Tar(.pax) {
            file("f", "x").mode(0o4755).owner(1, 2).named("u", "g").modified(1).attribute("user.b", [0xff]).attribute(
                "user.a", [])
            characterDevice("c", 0, 7)
            blockDevice("b", 8, 0).mode(0)
            symlink("s", to: "<t>").mode(0)
        }.converted()
        let digest = Digest(of: Array("x".utf8))
        let offset = blob.entry("f")?["offset"]?.integer ?? 0
        #expect(
            blob.entries.dropFirst().map { String(decoding: $0.text, as: UTF8.self) } == [
                #"{"name":"f","type":"reg","size":1,"modtime":"1970-01-01T00:00:01Z","mode":2541,"uid":1,"gid":2,"#
                    + #""userName":"u","groupName":"g","offset":\#(offset),"xattrs":{"user.a":"","user.b":"/w=="},"#
                    + #""digest":"\#(digest)","chunkDigest":"\#(digest)"}"#,
                #"{"name":"c","type":"char","mode":420,"devMinor":7}"#,
                #"{"name":"b","type":"block","devMajor":8}"#,
                #"{"name":"s","type":"symlink","linkName":"<t>"}"#,
            ])
    }

    /// Every reader decodes these; only what RFC 8259 demands is escaped.
    @Test(arguments: [
        ("<>&", #""<>&""#), ("q\"b\\", #""q\"b\\""#), ("t\tn\n", #""t\u0009n\u000a""#),
        ("\u{1}\u{1f}\u{7f}", "\"\\u0001\\u001f\u{7f}\""),
        ("\u{2028}\u{2029}", "\"\u{2028}\u{2029}\""), ("ł😀", "\"ł😀\""),
    ])
    func namesAreEscaped(name: String, written: String) async throws {
        let blob = try await Tar(.pax) {
            file(name, "x"); symlink("l", to: name)
        }.converted()
        let text = String(decoding: blob.tocText, as: UTF8.self)
        #expect(text.contains(#"{"name":\#(written),"type":"reg""#))
        #expect(text.contains(#""linkName":\#(written)"#))
    }

    @Test(
        arguments: [
            (1_600_000_000, "", "2020-09-13T12:26:40Z"), (1_600_000_000, "4999", "2020-09-13T12:26:40Z"),
            (1_600_000_000, "5", "2020-09-13T12:26:41Z"), (1_600_000_000, "6", "2020-09-13T12:26:41Z"), (0, "", nil),
            (0, "6", nil),
            (1, "", "1970-01-01T00:00:01Z"), (-1, "", "1969-12-31T23:59:59Z"), (-5, "", "1969-12-31T23:59:55Z"),
            (-5, "5", "1969-12-31T23:59:55Z"), (-5, "6", "1969-12-31T23:59:54Z"),
            (951_827_696, "", "2000-02-29T12:34:56Z"),
            (4_107_542_400, "", "2100-03-01T00:00:00Z"), (253_402_300_799, "", "9999-12-31T23:59:59Z"),
            (253_402_300_799, "5", nil), (253_402_300_800, "", nil), (-62_135_596_800, "", "0001-01-01T00:00:00Z"),
            (-62_135_596_801, "", nil), (Int64.max, "", nil),
        ] as [(Int64, String, String?)])
    func timesAreWholeSecondsThatRFC3339CanSay(seconds: Int64, fraction: String, text: String?) async throws {
        let blob = try await Tar(.pax) { file("f", "x").modified(seconds, fraction: fraction) }.converted()
        #expect(blob.entry("f")?["modtime"]?.string == text)
    }

    @Test func namesOfOwnersAreWrittenWhenTheyChange() async throws {
        let blob = try await Tar {
            file("a").owner(1, 1).named("one", "group")
            file("b").owner(1, 1).named("one", "group")
            file("c").owner(2, 1).named("two", "other")
            file("d").owner(1, 1).named("one", "")
            file("e").owner(1, 1).named("uno", "other")
            file("f").named("", "")
        }.converted()
        #expect(blob.entries.dropFirst().map { $0["userName"]?.string } == ["one", nil, "two", nil, "uno", nil])
        #expect(blob.entries.dropFirst().map { $0["groupName"]?.string } == ["group", nil, "other", nil, nil, nil])
    }

    @Test func namesStandAsInTheTar() async throws {
        let blob = try await Tar(prefix: "./") {
            directory("d"); file("d/f", "x"); hardlink("l", to: "./d/f")
        }.converted()
        #expect(blob.names == [".no.prefetch.landmark", "./d/", "./d/f", "./l"])
        #expect(blob.entry("./l")?["linkName"]?.string == "./d/f")
    }
}
