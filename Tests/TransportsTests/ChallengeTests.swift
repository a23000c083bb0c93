import Testing

@testable import Transports

struct ChallengeTests {
    @Test(arguments: [
        (
            #"Bearer realm="https://a/token",service="a",scope="repository:x:pull,push""#,
            ["bearer realm=https://a/token scope=repository:x:pull,push service=a"]
        ),
        (#"Basic realm="a, b""#, ["basic realm=a, b"]),
        (#"BASIC Realm = "say \"hi\"""#, [#"basic realm=say "hi""#]),
        ("Basic", ["basic"]),
        (#"Negotiate, Bearer realm="r" , Basic realm=plain"#, ["negotiate", "bearer realm=r", "basic realm=plain"]),
        (#"Bearer realm="r",realm="later""#, ["bearer realm=r"]),
        (#",, Bearer  realm="r",,error="x""#, ["bearer error=x realm=r"]),
        ("Negotiate YWJj==", ["negotiate"]),
        (#"Bearer realm="no end"#, ["bearer realm=no end"]),
        (#"Bearer realm="r\"#, [#"bearer realm=r"#]),
        ("", []),
        (#"="x" Bearer realm="r""#, []),
    ])
    func challengesAreReadFromOneField(value: String, expected: [String]) {
        #expect(Challenge.parse([value]).map(Self.text) == expected)
    }

    @Test func severalFieldsAddUp() {
        #expect(Challenge.parse(["Basic realm=a", "Bearer realm=b"]).map(\.scheme) == ["basic", "bearer"])
    }

    @Test func anyBytesAreReadInFiniteTime() {
        let alphabet = Array("ab =,\"\\;\t\u{7f}ü".utf8)
        for seed in 0..<2000 {
            var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
            let bytes = (0..<24).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return alphabet[Int(state >> 33) % alphabet.count]
            }
            _ = Challenge.parse([String(decoding: bytes, as: UTF8.self)])
        }
    }

    private static func text(_ challenge: Challenge) -> String {
        ([challenge.scheme] + challenge.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
            .joined(separator: " ")
    }
}
