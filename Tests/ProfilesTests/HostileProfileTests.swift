import Archive
import Content
import Profiles
import TestSupport
import Testing

/// Profiles that want to do harm: each is refused with a clear word, or read in reasonable time.
struct HostileProfileTests {
    private func refusal(of bytes: [UInt8], as format: ProfileFormat? = nil) -> (any Failure)? {
        do {
            _ = try Profile(parsing: bytes, as: format)
            return nil
        } catch {
            return error as? any Failure
        }
    }

    @Test(arguments: [
        ("zero bytes", Array("/a\0b".utf8), "expected text, not a file with zero bytes"),
        ("a binary", [0x7f, 0x45, 0x4c, 0x46, 0, 0], "expected text, not a file with zero bytes"),
        ("no UTF-8", Array("/a\n/caf".utf8) + [0xe9], "line 2: expected UTF-8"),
        ("a long path", [UInt8](repeating: 0x61, count: 5000), "line 1: expected a path of at most 4096 bytes"),
        ("a long pattern", [UInt8](repeating: 0x2a, count: 5000), "line 1: expected a path of at most 4096 bytes"),
        ("an open bracket", Array("/a\n\n/b[a-".utf8), "line 3: the pattern '/b[a-' has a bracket without an end"),
        ("a zero in JSON", Array(#"{"path":"a\u0000"}"#.utf8), "record at byte 0: expected a path without zero bytes"),
        ("a record without a path", Array(#"{"path":"a"} {"file":"b"}"#.utf8), "record at byte 13: expected a path"),
        ("a path that is a number", Array(#"{"path":1}"#.utf8), "record at byte 0: expected a path that is a text"),
        ("a bad digest", Array(#"{"path":"a","manifestDigest":"x"}"#.utf8), "record at byte 0:"),
        ("broken JSON", Array(#"{"path":"a"} {"path":"#.utf8), "malformed JSON at byte 21"),
        (
            "deep JSON", [UInt8](repeating: UInt8(ascii: "["), count: 100_000),
            "malformed JSON at byte 64: nested deeper"
        ),
        ("an array of numbers", Array(#"["/a", 1]"#.utf8), "element 1: expected a path that is a text"),
        ("files of texts", Array(#"{"files":["/a"],"path":1}"#.utf8), "file 0: expected a path that is a text"),
    ])
    func whatIsNoProfileIsRefused(what: String, bytes: [UInt8], message: String) throws {
        let failure = try #require(refusal(of: bytes, as: what == "deep JSON" ? .soci : nil))
        #expect(failure.description.hasPrefix(message))
        #expect(failure.kind == .invalid)
    }

    @Test(arguments: ProfileFormat.allCases, [UInt64](0..<30))
    func randomBytesAreReadOrRefused(format: ProfileFormat, seed: UInt64) {
        var generator = SeededGenerator(seed)
        let alphabet = Array("\"\\{}[]()<>=,:.*?/ \n123abcpathO_.—".utf8) + Array("openat(AT_FDCWD, \"".utf8)
        let bytes = (0..<2000).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
        let failure = refusal(of: bytes, as: format)
        #expect(failure == nil || failure?.kind == .invalid)
    }

    /// As they are read by name, since a path that leads out of the root leads nowhere.
    @Test func pathsThatLeadOutEndInTheRoot() throws {
        let profile = try Profile(parsing: Array("../../etc/passwd\n/../../x/../y\n/.\n..\n//z//".utf8))
        #expect(profile.entries.map(\.item.description) == ["/etc/passwd", "/y", "/", "/z"])
    }

    @Test func aMillionLinesAreReadAndNoMore() throws {
        let text = (0...1_000_000).map { "/d/\($0)" }.joined(separator: "\n")
        let refusal = refusal(of: Array(text.utf8))
        #expect(refusal?.description == "line 1000001: expected at most 1000000 different paths")
    }

    @Test func thousandsOfPatternsAreRefused() {
        let text = (0...1000).map { "/d/\($0)*" }.joined(separator: "\n")
        #expect(refusal(of: Array(text.utf8))?.description == "line 1001: expected at most 1000 different patterns")
    }

    @Test(arguments: [
        Array(repeating: "**", count: 1000).joined(separator: "/"),
        Array(repeating: "**/a*", count: 600).joined(separator: "/"),
        Array(repeating: "**/*", count: 800).joined(separator: "/"),
        String(repeating: "*a", count: 2000),
        String(repeating: "*?", count: 2000),
        "**/" + String(repeating: "[a-z]*", count: 600) + "!",
    ])
    func starsTakeNoExponentialTime(pattern: String) throws {
        let deep = (1...40).map { Array(repeating: "aaaaaaaaaaaaaaaa", count: $0).joined(separator: "/") }
        let tree = MergedTree([deep.map { .init(name: $0, kind: .directory, header: .literal([])) }])
        let start = ContinuousClock.now
        _ = try PathPattern(pattern).matches(in: tree)
        #expect(ContinuousClock.now - start < .seconds(50))
    }
}
