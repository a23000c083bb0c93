import Archive
import Content
import Profiles
import TestSupport
import Testing

/// Patterns of lists, laid over the paths of an image.
struct PathPatternTests {
    private static let tree = MergedTree([
        [
            "usr/lib/a.so", "usr/lib/b.so.1", "usr/lib/sub/c.so", "usr/lib/.hidden", "usr/bin/[", "usr/bin/é",
            "usr/bin/x*y", "usr-a", "b", "a",
        ].map { .init(name: $0, kind: .regular(size: 0), header: .literal([])) }
    ])

    @Test(arguments: [
        ("/usr/lib/*.so", ["usr/lib/a.so"]),
        ("usr/lib/*", ["usr/lib/.hidden", "usr/lib/a.so", "usr/lib/b.so.1", "usr/lib/sub"]),
        ("/usr/lib/**/*.so", ["usr/lib/a.so", "usr/lib/sub/c.so"]),
        ("**/*.so*", ["usr/lib/a.so", "usr/lib/b.so.1", "usr/lib/sub/c.so"]),
        ("**/**/c.so", ["usr/lib/sub/c.so"]),
        ("usr/lib/sub/**", ["usr/lib/sub", "usr/lib/sub/c.so"]),
        ("?", ["a", "b"]),
        ("usr/bin/?", ["usr/bin/[", "usr/bin/é"]),
        ("[ab]", ["a", "b"]),
        ("[!a]", ["b"]),
        ("[^b-z]", ["a"]),
        ("usr/bin/[[]", ["usr/bin/["]),
        ("usr/bin/\\[", ["usr/bin/["]),
        ("usr/bin/x\\*y", ["usr/bin/x*y"]),
        ("usr/bin/x[*]y", ["usr/bin/x*y"]),
        ("[]a]", ["a"]),
        ("usr*", ["usr", "usr-a"]),
        ("./usr//bin/[x]*", ["usr/bin/x*y"]),
        ("*/lib/*.so", ["usr/lib/a.so"]),
        ("usr/*.so", []),
        ("a**", ["a"]),
        ("*c", []),
    ])
    func patternsMatchWholePathsInTheOrderOfTheirBytes(pattern: String, expected: [String]) throws {
        #expect(try PathPattern(pattern).matches(in: Self.tree).map(\.description) == expected)
    }
}
