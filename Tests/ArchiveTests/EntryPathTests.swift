import Archive
import Testing

struct EntryPathTests {
    @Test(arguments: [
        ("foo/bar", "foo/bar"), ("/foo/bar", "foo/bar"), ("./foo/bar", "foo/bar"), ("../foo/bar", "foo/bar"),
        ("a/../foo/bar", "foo/bar"), ("foo//bar", "foo/bar"), ("foo/bar/", "foo/bar"), ("", ""), ("./", ""), ("/", ""),
        (".", ""), ("..", ""), ("../../..", ""), ("a/..", ""), ("a/../..", ""), ("...", "..."), ("a/.b", "a/.b"),
        ("..a", "..a"),
        ("bar/../bar////foo", "bar/foo"), (" ", " "),
    ])
    func allSpellingsOfAPathAreOne(name: String, path: String) {
        #expect(EntryPath(name).bytes == Array(path.utf8))
    }

    @Test func namesThatOnlyLookAlikeAreDifferent() {
        #expect(EntryPath("caf\u{e9}") != EntryPath("cafe\u{301}"))
    }

    @Test(arguments: [
        ("a/b", "a", true), ("a", "a", false), ("ab", "a", false), ("a", "", true), ("", "", false),
        ("a", "a/b", false),
        ("a/b/c", "a", true),
    ])
    func whatIsBelowADirectoryIsKnown(path: String, directory: String, isBelow: Bool) {
        #expect(EntryPath(path).isBelow(EntryPath(directory)) == isBelow)
    }
}
