import Content
import Testing

/// Numbers and texts of others, which may be as large and as strange as they like.
struct ForeignTextTests {
    @Test(arguments: [
        (Int64.max, Int64.max, Int64.max), (.max, -1, .max - 1), (-.max, -5, -.max), (.min, 0, -.max), (2, 3, 5),
    ])
    func sumsStopAtTheLargestNumber(left: Int64, right: Int64, sum: Int64) {
        #expect(left.addingSaturated(right) == sum)
    }

    @Test(arguments: [
        ("\u{9b}2J", #""\u009b2J""#), ("a\u{202e}b", #""a\u202eb""#), ("\u{2028}\u{2029}", #""\u2028\u2029""#),
        ("\u{7f}", #""\u007f""#), ("\u{e0041}", #""\udb40\udc41""#), ("ä😀", #""ä😀""#), ("\n", #""\u000a""#),
    ])
    func whatSteersATerminalIsEscapedInOutputAlone(text: String, shown: String) throws {
        let json = JSON.string(text)
        #expect(json.shownText == shown)
        #expect(try JSON(parsing: Array(shown.utf8)) == json)
        if text != "\n" { #expect(json.text == Array("\"\(text)\"".utf8)) }
    }

    @Test func longNamesAreCutInMessages() {
        let name = String(repeating: "n", count: 200)
        #expect(name.brief == name)
        #expect((name + "n").brief == name + "…")
    }

    @Test func aPlaceStandsOnceInAMessage() {
        let error = #expect(throws: ContextualFailure.self) {
            try context("image") { try context("layer 1") { try context("layer 1") { throw Refusal() } } }
        }
        #expect(error?.description == "image: layer 1: no")
    }

    @Test(arguments: [(4, "abcd"), (3, nil), (0, nil), (100, "abcd")] as [(Int, String?)])
    func stringsAreReadUpToALimit(limit: Int, text: String?) throws {
        for document in [#""abcd" 1"#, #""\u0061bcd" 1"#, #""abc\u0064" 1"#] {
            try withExtendedLifetime(Stream(document)) { stream in
                let found = try stream.json.readString(upTo: limit)
                let next = try stream.json.readInteger()
                #expect(found == text && next == 1)
            }
        }
    }

    @Test func endlessStringsAreRefusedOrPassedOver() throws {
        let document = "\"" + String(repeating: "x", count: 1 << 20 + 1) + "\""
        #expect(throws: JSONFailure.self) { try withExtendedLifetime(Stream(document)) { try $0.json.readString() } }
        #expect(throws: JSONFailure.self) {
            try withExtendedLifetime(Stream("{\(document):1}")) { try $0.json.readObject { _ in } }
        }
        try withExtendedLifetime(Stream(document + " 7")) { stream in
            try stream.json.skipValue()
            let next = try stream.json.readInteger()
            #expect(next == 7)
        }
    }
}

private struct Refusal: Failure {
    var kind: FailureKind { .invalid }
    var description: String { "no" }
}

/// A document that stays in memory while it is read.
private final class Stream {
    let json: JSONStream
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ text: String) {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        bytes.copyBytes(from: text.utf8)
        self.bytes = bytes
        var isRead = false
        json = JSONStream {
            defer { isRead = true }
            return isRead ? UnsafeRawBufferPointer(start: nil, count: 0) : UnsafeRawBufferPointer(bytes)
        }
    }

    deinit {
        bytes.deallocate()
    }
}
