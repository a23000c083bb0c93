import Content
import OCI
import SystemPackage
import TestSupport
import Testing

struct ReferenceTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)

    /// What is typed, and what `docker pull` makes of it.
    @Test(arguments: [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:12", "docker.io/library/debian:12"),
        ("user/image", "docker.io/user/image:latest"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("index.docker.io/debian", "docker.io/library/debian:latest"),
        ("docker.io/user/image:1", "docker.io/user/image:1"),
        ("localhost/image", "localhost/image:latest"),
        ("localhost:5000/image:1", "localhost:5000/image:1"),
        ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest"),
        ("[::1]:5000/image:1", "[::1]:5000/image:1"),
        ("registry.example.com/a/b:v1.2_3-x", "registry.example.com/a/b:v1.2_3-x"),
        ("Registry/image", "Registry/image:latest"),
        ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest"),
        ("debian@\(digest)", "docker.io/library/debian@\(digest)"),
        ("debian:12@\(digest)", "docker.io/library/debian:12@\(digest)"),
        ("host:1/debian@\(digest)", "host:1/debian@\(digest)"),
    ])
    func aReferenceIsReadAsDockerReadsIt(typed: String, full: String) throws {
        let reference = try ImageReference(parsing: typed)
        #expect(reference.description == full)
        // The full form means the same.
        #expect(try ImageReference(parsing: full) == reference)
    }

    @Test(arguments: [
        "", ":", "/", "/debian", "debian/", "a//b", "Debian", "user/Image", "a:", "a:b:c", "a:tag with space", "a:-b",
        "a:.b",
        "a:" + String(repeating: "t", count: 129), "-a", "a-", "a/.b", "a..b", "a_.b", "a___b", "a/../b", "é/b", "a b",
        "a@", "a@sha256:12", "host.com:port/a", "ho st.com/a", "host.com?x/a", "host.com#x/a", "user@host.com/a",
        "host..com/a",
        "-host.com/a", "[::1/a", "http://host.com/a", "a\n", "host.com:/a",
        "host.com:123456/a/" + String(repeating: "b", count: 250),
    ])
    func whatDockerWouldRefuseIsAMistakeOfUsage(typed: String) async {
        #expect([.usage, .invalid].contains(await failureKind { try ImageReference(parsing: typed) }))
    }

    @Test func aDigestSaysMoreThanATag() throws {
        #expect(try ImageReference(parsing: "debian:12").manifestName == "12")
        #expect(try ImageReference(parsing: "debian:12@\(Self.digest)").manifestName == Self.digest)
        #expect(try ImageReference(parsing: "debian").manifestName == "latest")
    }
}

struct ImageLocationTests {
    @Test(arguments: [
        ("docker://debian:12", "docker.io/library/debian:12"), ("debian", "docker.io/library/debian:latest"),
        ("oci:dir", "oci:dir"), ("oci:dir:tag", "oci:dir:tag"), ("oci:/a/b:1.2", "oci:/a/b:1.2"),
        ("oci:a:reg.test:5000/b:1", "oci:a:reg.test:5000/b:1"), ("oci:./x y", "oci:./x y"),
        ("oci:dir:", "oci:dir"),
        ("localhost:5000/oci:1", "localhost:5000/oci:1"), ("app:v1.tar", "docker.io/library/app:v1.tar"),
        ("docker://app.tar", "docker.io/library/app.tar:latest"),
        ("oci-archive:f.tar", "oci-archive:f.tar"), ("oci-archive:/a/f.tar:", "oci-archive:/a/f.tar"),
        ("oci-archive:f:reg.test:5000/a:1", "oci-archive:f:reg.test:5000/a:1"), ("oci-archive:-", "oci-archive:-"),
        ("oci-archive:-:tag", "oci-archive:-:tag"), ("docker-archive:f", "docker-archive:f"),
        ("docker-archive:f:app", "docker-archive:f:docker.io/library/app:latest"),
        ("docker-archive:f:reg.test:5000/a:1", "docker-archive:f:reg.test:5000/a:1"),
        ("docker-archive:-:@2", "docker-archive:-:@2"),
        ("docker-daemon:app", "docker-daemon:docker.io/library/app:latest"),
        ("docker-daemon:reg.test:5000/a:1", "docker-daemon:reg.test:5000/a:1"),
        (
            "docker-daemon:sha256:\(String(repeating: "ab", count: 32))",
            "docker-daemon:sha256:\(String(repeating: "ab", count: 32))"
        ),
    ])
    func locationsAreRead(typed: String, meaning: String) throws {
        #expect(try ImageLocation(parsing: typed).description == meaning)
    }

    @Test func theNameOfAnImageInALayoutMayHoldColons() throws {
        #expect(
            try ImageLocation(parsing: "oci:dir:reg.test:5000/a:1") == .layout("dir", tag: "reg.test:5000/a:1"))
    }

    @Test func aMistakeIsToldInOneLine() throws {
        let location = try ImageLocation(parsing: "reg.test/app")
        let failure = #expect(throws: ReferenceFailure.self) { try location.tagged("a\n\u{1b}b") }
        #expect(failure?.description.contains("a\u{fffd}\u{fffd}b") == true)
    }

    @Test(arguments: [
        "", "oci:", "oci::tag", "docker://", "http://host/x", "https://host/x", "oci-archive:",
        "oci-archive::tag", "docker-archive:", "docker-archive:f:UPPER", "docker-archive:f:@x", "docker-archive:f:@-1",
        "docker-archive:f:a@sha256:\(String(repeating: "ab", count: 32))", "docker-daemon:", "docker-daemon:UPPER",
        "docker-daemon:a@sha256:\(String(repeating: "ab", count: 32))", "containers-storage:x", "dir:x", "ostree:x",
        "foo://bar", "out.tar", "dir/out.tar.gz", "out.tgz", "./dir", "../dir", "/dir/app", "-", ".", "..",
    ])
    func otherPlacesAreAMistakeOfUsage(typed: String) async {
        #expect(await failureKind { try ImageLocation(parsing: typed) } == .usage)
    }

    @Test(arguments: [
        ("debian", "docker://docker.io/library/debian:latest", true), ("debian", "debian:12", false),
        ("oci:/tmp:a", "oci:/tmp/../tmp/:a", true), ("oci:/tmp:a", "oci:/tmp:b", false),
        ("oci:/tmp", "oci:/tmp:b", false),
        ("oci-archive:/tmp", "oci-archive:/tmp/../tmp:x", true),
        ("oci-archive:/tmp/a:x", "docker-archive:/tmp/a", true),
        // Another way to a file that is not there yet.
        ("oci-archive:/tmp/none:x", "oci-archive:/proc/self/root/tmp/none", true),
        ("oci-archive:/tmp/a", "oci-archive:/tmp/b", false), ("oci-archive:-", "oci-archive:-", false),
        ("docker-daemon:a", "docker-daemon:a:latest", true), ("docker-daemon:a", "docker-daemon:a:1", false),
        ("docker-daemon:a", "docker://a", false), ("oci:/tmp", "oci-archive:/tmp", false),
        ("oci:/tmp:a", "debian:a", false), ("oci:/there/is/none:a", "oci:/there/is/./none:a", true),
    ])
    func writingToTheSourceIsNoticed(destination: String, source: String, isSame: Bool) throws {
        #expect(try ImageLocation(parsing: destination).isSamePlace(as: ImageLocation(parsing: source)) == isSame)
    }
}
