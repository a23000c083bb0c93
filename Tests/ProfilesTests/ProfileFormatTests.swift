import Archive
import Content
import Profiles
import TestSupport
import Testing

/// Profiles as they are written down by others and by us.
struct ProfileFormatTests {
    private static let digest = "sha256:" + String(repeating: "a", count: 64)

    private func names(_ text: String, as format: ProfileFormat? = nil) throws -> [String] {
        try Profile(parsing: Array(text.utf8), as: format).entries.map { String($0.item.description.dropFirst()) }
    }

    /// A profile of each format that names the same two files, as its programs write it.
    private static let examples: [(ProfileFormat, String)] = [
        (
            .record,
            #"{"path":"usr/bin/sh","manifestDigest":"\#(digest)","layerIndex":0}"# + "\n" + #"{"path":"etc/a b"}"#
        ),
        (.record, #"{"path":"usr/bin/sh"}{"path":"etc/a b"} {"path":"/usr/bin/sh"}"#),
        (.record, "\n  {\n \"path\" : \"usr/bin/sh\" }\r\n{\"layerIndex\":1,\"path\":\"etc/a b\"}"),
        (.list, "# what a shell needs\r\n\r\n  /usr/bin/sh\t\nusr/bin/../bin/sh\n\n/etc/a b\n# end"),
        (.soci, #"["/usr/bin/sh", " /etc/a b ", "", "/usr/bin/sh"]"#),
        (.soci, "\n[\n  \"/usr/bin/sh\",\n  \"/etc/a b\"\n]\n"),
        (.nydus, #"{"version":"v1","files":[{"path":"/usr/bin/sh","ranges":[[0,4096]]},{"path":"/etc/a b"}]}"#),
        (.nydus, #"{"files":[{"path":"/usr/bin/sh"},{"path":"/etc/a b","ranges":null}],"version":"v1"}"#),
        (
            .strace,
            """
            12 execve("/usr/bin/sh", ["sh", "-c", "x"], 0x7ffcd487ef78 /* 39 vars */) = 0
            12 access("/etc/ld.so.preload", R_OK)      = -1 ENOENT (No such file or directory)
            12 openat(AT_FDCWD, "/etc/a b", O_RDONLY|O_CLOEXEC) = 3
            12 +++ exited with 0 +++
            """
        ),
        (
            .log,
            """
            {"level":"info","msg":"starting","time":"2026-08-01T00:00:00Z"}
            {"layer":"\(digest)","level":"debug","mode":"0755","msg":"file accessed: /usr/bin/sh","size":125688}
            {"layer":"\(digest)","level":"debug","mode":"0644","msg":"file accessed: /etc/a b","size":1}
            {"layer":"\(digest)","level":"debug","mode":"0644","msg":"file accessed: /etc/a b","size":1}
            """
        ),
        (
            .log,
            """
            time="2026-08-01T00:00:00Z" level=info msg="starting \\"all\\"" root=/var/lib
            time="2026-08-01T00:00:00Z" level=debug msg="file accessed: /usr/bin/sh" layer="\(digest)" mode=0755 size=1
            time="2026-08-01T00:00:00Z" level=debug msg="file accessed: /etc/a b" layer="\(digest)" mode=0644 size=1
            """
        ),
        (
            .log,
            """
            Aug 01 00:00:00 node containerd-stargz-grpc[99]: {"layer":"\(digest)","msg":"file accessed: /usr/bin/sh"}
            Aug 01 00:00:00 node containerd-stargz-grpc[99]: {"msg":"file accessed: /etc/a b"}
            """
        ),
    ]

    @Test(arguments: examples)
    func eachFormatIsToldByItsContentOrByName(format: ProfileFormat, text: String) throws {
        #expect(ProfileFormat(detecting: Array(text.utf8)) == format)
        #expect(Set(try names(text)) == ["usr/bin/sh", "etc/a b"])
        #expect(try names(text, as: format).first == "usr/bin/sh")
    }

    @Test func whatARecorderNotedOfImageAndLayerIsKept() throws {
        let entries = try Profile(parsing: Array(Self.examples[0].1.utf8)).entries
        #expect(entries[0].origin == .init(manifest: try Digest(parsing: Self.digest), layer: 0))
        #expect(entries[1].origin == nil)
        let logged = try Profile(parsing: Array(Self.examples[9].1.utf8)).entries
        #expect(logged.map(\.blob) == Array(repeating: try Digest(parsing: Self.digest), count: 2))
    }

    @Test(arguments: ProfileFormat.allCases)
    func anEmptyProfileNamesNothing(format: ProfileFormat) throws {
        let text =
            switch format {
            case .soci: "[]"
            case .nydus: #"{"version":"v1","files":[]}"#
            default: ""
            }
        #expect(try names(text, as: format) == [])
        #expect(try names(text) == [])
    }

    @Test func aRecordThatIsReadIsWrittenAsItWas() throws {
        let text =
            #"{"path":"usr/bin/sh","manifestDigest":"\#(Self.digest)","layerIndex":3}"# + "\n" + #"{"path":"a\"é"}"#
            + "\n"
        let profile = try Profile(parsing: Array(text.utf8))
        #expect(String(decoding: profile.recordText, as: UTF8.self) == text)
    }

    @Test(arguments: [
        "plain", "a b", " lead", "trail ", "#hash", "star*", "q?", "[set]", "back\\slash", "star*\\", "tab\t",
    ])
    func aListNamesEveryPathSoThatItIsReadAgain(name: String) throws {
        let path = EntryPath("dir/" + name)
        let profile = try Profile(parsing: Profile([.init(.path(path))]).listText)
        let tree = MergedTree([[.init(name: path.description, kind: .regular(size: 0), header: .literal([]))]])
        switch try #require(profile.entries.first).item {
        case .path(let read): #expect(read == path)
        case .pattern(let text): #expect(try PathPattern(text).matches(in: tree) == [path])
        }
    }

    // MARK: - strace

    @Test(arguments: [
        (
            "a program that is found on the second try",
            #"""
            execve("/bin/no", [], 0x0) = -1 ENOENT (No)
            execve("/bin/yes", [], 0x0) = 0
            """#,
            ["bin/yes"]
        ),
        (
            "the old call",
            #"""
            open("/a", O_RDONLY) = 3
            """#,
            ["a"]
        ),
        (
            "a padded result",
            #"""
            openat(AT_FDCWD, "/a", O_RDONLY)      = 3
            """#,
            ["a"]
        ),
        (
            "a time",
            #"""
            12 10:20:30.123456 openat(AT_FDCWD, "/a", O_RDONLY) = 3 <0.000012>
            """#,
            ["a"]
        ),
        (
            "a process in brackets",
            #"""
            [pid  12] openat(AT_FDCWD, "/a", O_RDONLY) = 3
            """#,
            ["a"]
        ),
        (
            "paths of descriptors",
            #"""
            openat(AT_FDCWD</app>, "a", O_RDONLY) = 3</app/a>
            openat(3</lib, x>, "b", O_RDONLY) = 4</lib, x/b>
            """#,
            ["app/a", "lib, x/b"]
        ),
        (
            "a directory that was opened before",
            #"""
            openat(AT_FDCWD, "/d", O_RDONLY|O_DIRECTORY) = 3
            openat(3, "a", O_RDONLY) = 4
            """#,
            ["d/a"]
        ),
        (
            "a descriptor that nothing is known of",
            #"""
            openat(9, "a", O_RDONLY) = 4
            """#,
            []
        ),
        (
            "a program by descriptor",
            #"""
            execveat(9</bin>, "a", [], 0x0, 0) = 0
            """#,
            ["bin/a"]
        ),
        (
            "a relative path",
            #"""
            openat(AT_FDCWD, "a/../b", O_RDONLY) = 4
            """#,
            ["b"]
        ),
        (
            "a change of directory",
            #"""
            chdir("/app") = 0
            chdir("/gone") = -1 ENOENT (No)
            chdir("sub") = 0
            open("a", O_RDONLY) = 3
            """#,
            ["app/sub/a"]
        ),
        (
            "a directory that a child inherits",
            #"""
            1 chdir("/app") = 0
            1 clone(child_stack=NULL, flags=SIGCHLD) = 2
            2 open("a", O_RDONLY) = 3
            3 open("b", O_RDONLY) = 3
            """#,
            ["app/a", "app/b"]
        ),
        (
            "a descriptor that a child inherits",
            #"""
            1 open("/d", O_RDONLY|O_DIRECTORY) = 5
            1 clone3({flags=0}, 88) = 2
            2 openat(5, "a", O_RDONLY) = 6
            """#,
            ["d/a"]
        ),
        (
            "calls that were interrupted",
            #"""
            1 openat(AT_FDCWD, "/a", O_RDONLY <unfinished ...>
            2 openat(AT_FDCWD, "/b", O_RDONLY) = 3
            1 <... openat resumed>) = 4
            """#,
            ["b", "a"]
        ),
        (
            "a call that was interrupted, and failed",
            #"""
            1 openat(AT_FDCWD, "/a", O_RDONLY <unfinished ...>
            1 <... openat resumed>) = -1 ENOENT (No)
            """#,
            []
        ),
        (
            "an end without a beginning",
            #"""
            1 <... openat resumed>) = 4
            1 open("/a", O_RDONLY) = 3
            """#,
            ["a"]
        ),
        (
            "files that are written",
            #"""
            open("/w", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3
            open("/rw", O_RDWR) = 4
            open("/x", O_RDWR|O_CREAT|O_EXCL, 0600) = 5
            """#,
            ["rw"]
        ),
        (
            "what is no part of an image",
            #"""
            open("/proc/self/maps", O_RDONLY) = 3
            open("/dev/null", O_RDWR) = 3
            open("/sys/x", O_RDONLY) = 3
            open("/process", O_RDONLY) = 3
            """#,
            ["process"]
        ),
        (
            "escapes",
            #"""
            open("/a\"b\\c\303\251\x41\n", O_RDONLY) = 3
            """#,
            ["a\"b\\céA\n"]
        ),
        (
            "a path with a sign in it",
            #"""
            open("/a) = 3", O_RDONLY) = 4
            """#,
            ["a) = 3"]
        ),
        (
            "a path that was cut off",
            #"""
            open("/a"..., O_RDONLY) = 4
            """#,
            []
        ),
        (
            "calls that read no file",
            #"""
            stat("/a", {st_mode=S_IFREG|0644}) = 0
            readlink("/b", "c", 4096) = 1
            access("/d", R_OK) = 0
            """#,
            []
        ),
        (
            "signals and ends",
            #"""
            --- SIGCHLD {si_signo=SIGCHLD} ---
            +++ exited with 0 +++
            open("/a", O_RDONLY) = ?
            """#,
            []
        ),
        (
            "openat2",
            #"""
            openat2(AT_FDCWD, "/a", {flags=O_RDONLY, resolve=RESOLVE_NO_SYMLINKS}, 24) = 3
            """#,
            ["a"]
        ),
    ])
    func straceIsUnderstood(what: String, trace: String, expected: [String]) throws {
        #expect(try names(trace, as: .strace) == expected)
    }
}
