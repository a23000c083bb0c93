import Content
import Testing

struct JSONTests {
    private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }
    private func text(_ json: JSON) -> String { String(decoding: json.text, as: UTF8.self) }

    @Test(arguments: [
        #"{"b":1,"a":[true,false,null,"x"],"":{}}"#, "[]", #""""#, "0", "-1.50e+07", "123456789012345678901234567890",
        #"{"one":{"two":{"three":[[[]]]}}}"#,
    ])
    func compactTextIsKeptByteForByte(document: String) throws {
        #expect(text(try parse(document)) == document)
    }

    @Test func orderAndTheTextOfNumbersAreKept() throws {
        let json = try parse("{ \"z\" : 1.0 ,\n\t\"a\" : 1e2, \"m\" : -0 }")
        #expect(text(json) == #"{"z":1.0,"a":1e2,"m":-0}"#)
    }

    @Test func aMemberThatIsSetKeepsItsPlaceAndANewOneComesLast() throws {
        var json = try parse(#"{"a":1,"b":2,"c":3}"#)
        json["b"] = "x"
        json["d"] = .bool(true)
        json["a"] = nil
        #expect(text(json) == #"{"b":"x","c":3,"d":true}"#)
    }

    @Test(arguments: [
        ("\\u0041", "A"), ("\\u00e9", "é"), ("\\ud83d\\ude00", "😀"),
        ("\\n\\t\\r\\b\\f\\/\\\\\\\"", "\n\t\r\u{8}\u{c}/\\\""),
        ("\\ud800", "\u{fffd}"), ("\\udc00", "\u{fffd}"), ("\\ud800A", "\u{fffd}A"), ("\\ud800\\n", "\u{fffd}\n"),
        ("\\ud800\\u0041", "\u{fffd}A"), ("\\ud800\\ud83d\\ude00", "\u{fffd}😀"), ("\\u0000", "\0"),
        ("é\u{2028}", "é\u{2028}"),
    ])
    func escapesAreRead(escaped: String, meaning: String) throws {
        #expect(try parse("\"\(escaped)\"").string?.isSameText(as: meaning) == true)
    }

    @Test(arguments: [
        ("\u{0}\u{1f}", #""\u0000\u001f""#), ("\"\\/", #""\"\\/""#), ("\u{7f}é\u{2028}<>&", "\"\u{7f}é\u{2028}<>&\""),
        ("\n\t", #""\u000a\u0009""#),
    ])
    func onlyWhatMustBeEscapedIs(string: String, written: String) {
        #expect(text(.string(string)) == written)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01", "+1", ".5", "1.", "1e",
        "-",
        "1 2", "tru", "nulll", "\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\\u12\"", "\"a\nb\"", "'a'",
        "NaN",
        "Infinity", "[1]]", "{\"a\":1}x", "\u{feff}{}", "// c\n1",
    ])
    func whatIsNoJSONIsRefused(document: String) {
        #expect(throws: JSONFailure.self) { try parse(document) }
    }

    @Test func bytesThatAreNoUTF8AreRefused() {
        #expect(throws: JSONFailure.self) { try JSON(parsing: [0x22, 0xff, 0x22]) }
        #expect(throws: JSONFailure.self) { try JSON(parsing: [0x22, 0xc0, 0x80, 0x22]) }
        #expect(throws: JSONFailure.self) { try JSON(parsing: [0x22, 0xed, 0xa0, 0x80, 0x22]) }
    }

    /// Readers disagree about which of two members counts.
    @Test(arguments: [#"{"a":1,"a":2}"#, #"{"x":{"a":1,"\u0061":2}}"#])
    func aMemberThatOccursTwiceIsRefused(document: String) {
        #expect(throws: JSONFailure.self) { try parse(document) }
    }

    @Test func keysThatOnlyLookAlikeAreDifferent() throws {
        let json = try parse("{\"caf\u{e9}\":1,\"cafe\u{301}\":2}")
        #expect(json["caf\u{e9}"]?.integer == 1)
        #expect(json["cafe\u{301}"]?.integer == 2)
    }

    @Test(arguments: [(64, true), (65, false), (100_000, false)])
    func nestingHasALimit(depth: Int, isAccepted: Bool) {
        let document =
            [UInt8](repeating: UInt8(ascii: "["), count: depth) + [UInt8](repeating: UInt8(ascii: "]"), count: depth)
        #expect(((try? JSON(parsing: document)) != nil) == isAccepted)
    }

    @Test(
        arguments: [
            ("1", 1), ("-7", -7), ("9223372036854775807", Int64.max), ("9223372036854775808", nil), ("1.0", nil),
            ("1e3", nil),
        ] as [(String, Int64?)])
    func integersAreThoseThatFit(number: String, value: Int64?) throws {
        #expect(try parse(number).integer == value)
    }

    @Test func anyByteMayBeWrong() {
        let document = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00"],"b":{"c":null,"d":true}}"#.utf8)
        for position in document.indices {
            for byte in UInt8.min...UInt8.max {
                var broken = document
                broken[position] = byte
                guard let json = try? JSON(parsing: broken) else { continue }
                #expect((try? JSON(parsing: json.text)) == json)
            }
            #expect((try? JSON(parsing: Array(document[..<position]))) == nil)
        }
    }
}
