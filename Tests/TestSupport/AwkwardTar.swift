/// Tars with one oddity each, all of which image tools take; what unpacking leaves behind must survive conversion.
package struct AwkwardTar: Sendable, CustomStringConvertible {
    package let name: String
    package let tar: Tar

    package var description: String { name }

    private init(_ name: String, _ tar: Tar) {
        self.name = name
        self.tar = tar
    }

    private static let long = String(repeating: "long-directory-name/", count: 9) + "file"
    private static let veryLong = String(repeating: "0123456789/", count: 200) + "file"

    package static let all: [AwkwardTar] = names + numbers + attributes + sparseFiles + headers + duplicates + ends

    private static let names: [AwkwardTar] =
        ["", "./", "/", "../"].flatMap { prefix in
            Tar.Dialect.allCases.map { dialect in
                AwkwardTar(
                    "prefix '\(prefix)' in \(dialect)",
                    Tar(dialect, prefix: prefix) {
                        directory("etc")
                        file("etc/motd", "hi")
                        hardlink("motd", to: "etc/motd")
                        symlink("link", to: "etc/motd")
                    })
            }
        } + [
            AwkwardTar("a root entry", Tar { directory("./").mode(0o700).owner(5, 6); file("./a", "x") }),
            AwkwardTar("a root entry as a slash", Tar { directory("/").mode(0o1777); file("/a", "x") }),
            AwkwardTar("doubled slashes and dots", Tar { file("bar/../bar////foo", "x"); file("bar/./baz", "y") }),
            AwkwardTar("the prefix field of ustar", Tar { file(long, "x") }),
            AwkwardTar("long names in GNU form", Tar(.gnu) { file(veryLong, "x"); symlink("l", to: veryLong) }),
            AwkwardTar("a long hard link in GNU form", Tar(.gnu) { file(veryLong, "x"); hardlink("l", to: veryLong) }),
            AwkwardTar("long names in pax form", Tar(.pax) { file(veryLong, "x"); symlink("l", to: veryLong) }),
            AwkwardTar("a long hard link in pax form", Tar(.pax) { file(veryLong, "x"); hardlink("l", to: veryLong) }),
            AwkwardTar("a directory with a long name", Tar(.gnu) { directory(veryLong); file(veryLong + "/f", "x") }),
            AwkwardTar("a name of exactly 100 bytes", Tar { file(String(repeating: "n", count: 100), "x") }),
            AwkwardTar(
                "letters and accents apart in pax",
                Tar(.pax) {
                    file("cafe\u{301}", "x")
                    symlink("link", to: "cafe\u{301}")
                    hardlink("hard", to: "cafe\u{301}")
                    sparse(.pax10, "sparse-e\u{301}", size: 2000, [(1000, "data")])
                }),
            AwkwardTar("accents in ustar", Tar { file("naïve", "x"); symlink("ł", to: "ø") }),
            AwkwardTar("accents in GNU", Tar(.gnu) { file("naïve", "x"); symlink("ł", to: "ø") }),
            AwkwardTar("accents in pax", Tar(.pax) { file("naïve", "x"); symlink("ł", to: "ø") }),
            AwkwardTar(
                "two spellings of one letter", Tar(.pax) { file("caf\u{e9}", "1"); file("cafe\u{301}", "2") }),
            AwkwardTar(
                "names that JSON escapes",
                Tar { file("<>&\"\\/x", "1"); file("line\nbreak\ttab\u{1}", "2"); file("\u{2028}\u{2029}\u{7f}", "3") }),
            AwkwardTar("spaces and quotes", Tar { file(" lead and trail ", "1"); file("'", "2") }),
            AwkwardTar("whiteouts", Tar { directory("d"); file("d/.wh..wh..opq"); file(".wh.gone") }),
            AwkwardTar(
                "special names below the root",
                Tar {
                    directory("d")
                    file("d/stargz.index.json", "{}")
                    file("d/.prefetch.landmark", "a")
                    file("d/.no.prefetch.landmark", "b")
                }),
            AwkwardTar(
                "special names at the root",
                Tar {
                    file("stargz.index.json", "{}")
                    file("./.prefetch.landmark", "\u{f}")
                    file("/.no.prefetch.landmark", "\u{f}")
                    file("kept", "x")
                }),
            AwkwardTar("no directories", Tar { file("a/b/c/d", "x"); symlink("e/f", to: "g") }),
            AwkwardTar("children before their directory", Tar { file("d/f", "x"); directory("d").mode(0o700) }),
        ]

    private static let numbers: [AwkwardTar] = [
        AwkwardTar("times in pax", Tar(.pax) { times }),
        AwkwardTar("times in GNU", Tar(.gnu) { file("neg", "x").modified(-5); file("far", "").modified(1 << 40) }),
        AwkwardTar("time zero", Tar { file("a", "x").modified(0); file("b").modified(1) }),
        AwkwardTar(
            "large ids in GNU", Tar(.gnu) { file("a", "x").owner(4_294_967_294, 3_000_000); directory("d").owner(1, 2) }
        ),
        AwkwardTar("large ids in pax", Tar(.pax) { file("a", "x").owner(4_294_967_294, 3_000_000) }),
        AwkwardTar("type bits in the mode", Tar { file("a", "x").mode(0o100644); directory("d").mode(0o40755) }),
        AwkwardTar(
            "special permissions",
            Tar {
                directory("foo1").mode(0o2755)
                file("foo1/bar1", "x").mode(0o4700)
                file("foo1/bar2", "x").mode(0o2755)
                directory("foo2").mode(0o1755)
                file("foo2/bar3", "x").mode(0)
            }),
        AwkwardTar(
            "devices",
            Tar {
                blockDevice("b", 123, 456).mode(0)
                characterDevice("c", 111, 222).mode(0o600)
                characterDevice("whiteout", 0, 0)
                fifo("f")
            }),
        AwkwardTar("large device numbers in pax", Tar(.pax) { characterDevice("c", 4000, 1_000_000) }),
        AwkwardTar("names of owners", Tar { file("a", "x").named("root", "wheel"); file("b").named("root", "staff") }),
    ]

    private static var times: [TarItem] {
        [
            file("half", "x").modified(1_600_000_000, fraction: "5"),
            file("below", "x").modified(1_600_000_000, fraction: "499999999"),
            file("above", "").modified(1_600_000_000, fraction: "6"),
            file("negative", "").modified(-5),
            file("negative-fraction", "").modified(-5, fraction: "25"),
            file("far", "").modified(253_402_300_799),
            file("farther", "").modified(253_402_300_800),
            file("early", "").modified(-62_135_596_800),
            file("earlier", "").modified(-62_135_596_801),
            file("leap", "").modified(951_782_400),
            file("first-second", "").modified(0, fraction: "6"),
        ]
    }

    private static let attributes: [AwkwardTar] = [
        AwkwardTar(
            "extended attributes",
            Tar(.pax) {
                file("a", "x").attribute("user.text", Array("sample".utf8)).attribute("user.bytes", [0xff, 0xfe, 0, 10])
                directory("d").attribute("user.d", [1])
                file("cap", "x").attribute("security.capability", [1, 0, 0, 2, 0, 32, 0, 0] + [UInt8](repeating: 0, count: 12))
                file("empty").attribute("user.z", [2]).attribute("user.a", [61, 61])
            }),
        AwkwardTar("attributes in front of a ustar entry", Tar { file("a", "x").attribute("user.test", [1, 2, 3]) }),
        AwkwardTar(
            "unknown pax records",
            Tar(.pax) { file("a", "x").record("VENDOR.x", "1").record("LIBARCHIVE.xattr.user.y", "eA==") }),
        AwkwardTar("pax times of access and change", Tar(.pax) { file("a", "x").record("atime", "1.5").record("ctime", "2") }),
    ]

    private static let sparseFiles: [AwkwardTar] = TarItem.SparseForm.allCases.flatMap { form in
        [
            AwkwardTar(
                "a sparse file in \(form)",
                Tar(form == .gnu ? .gnu : .pax) {
                    file("before", "x")
                    sparse(form, "s", size: 10_000, [(0, "start"), (4096, "middle"), (9000, "almost the end")])
                    file("after", "y")
                    hardlink("l", to: "s")
                }),
            AwkwardTar(
                "a sparse file that begins with a hole and ends with data in \(form)",
                Tar(form == .gnu ? .gnu : .pax) { sparse(form, "s", size: 1004, [(1000, "data")]); file("after", "y") }),
            AwkwardTar(
                "a hole and nothing else in \(form)",
                Tar(form == .gnu ? .gnu : .pax) { sparse(form, "s", size: 5000, []); file("after", "y") }),
            AwkwardTar(
                "a sparse map of 60 parts in \(form)",
                Tar(form == .gnu ? .gnu : .pax) {
                    sparse(form, "s", size: 70_000, (0..<60).map { (Int64($0) * 1024, "part \($0)") })
                    file("after", "y")
                }),
            AwkwardTar(
                "a sparse file without a hole in \(form)",
                Tar(form == .gnu ? .gnu : .pax) { sparse(form, "s", size: 4, [(0, "data")]); file("after", "y") }),
        ]
    }

    private static let headers: [AwkwardTar] = [
        AwkwardTar("global records", Tar { globalRecords([("comment", "0123")]); file("a", "x") }),
        AwkwardTar("global records with a path", Tar { globalRecords([("path", "b")]); file("a", "x"); file("c", "y") }),
        AwkwardTar("global records in the middle", Tar(.pax) { file("a", "x"); globalRecords([("uid", "7")]); file("b", "y") }),
        AwkwardTar("global records at the end", Tar(.pax) { file("a", "x"); globalRecords([("comment", "bye")]) }),
        AwkwardTar("a volume label", Tar(.gnu) { volumeLabel("backup"); file("a", "x") }),
        AwkwardTar("a contiguous file", Tar { file("a", "contiguous").type("7"); file("b", "y") }),
        AwkwardTar("a directory with a size", Tar { directory("d").sizeField(4096); file("d/a", "x"); file("b", "y") }),
        AwkwardTar(
            "a directory with a size in pax",
            Tar(.pax) { file("z").record("comment", "pax"); directory("d").sizeField(700); file("d/a", "x"); file("b") }),
        AwkwardTar("a symlink with a size", Tar { symlink("l", to: "a").sizeField(600); file("a", "x"); file("b", "y") }),
        AwkwardTar(
            "a symlink with a size in pax",
            Tar(.pax) { file("z").record("comment", "pax"); symlink("l", to: "a").sizeField(600); file("a", "x") }),
    ]
        + Tar.Dialect.allCases.map { dialect in
            AwkwardTar(
                "a hard link with a size in \(dialect)",
                Tar(dialect) { file("a", "data"); hardlink("l", to: "a").sizeField(4); file("b", "y"); file("c", "z") })
        } + [
            AwkwardTar(
                "a hard link with a size behind pax records",
                Tar(.pax) {
                    file("a", "data").record("comment", "pax")
                    hardlink("l", to: "a").sizeField(4)
                    file("b", "y")
                    file("c", "z")
                }),
            AwkwardTar(
                "a hard link with records and a size",
                Tar(.pax) {
                    file("a", "data")
                    hardlink("l", to: "a").sizeField(4).record("comment", "pax")
                    file("b", "y")
                }),
            AwkwardTar(
                "a hard link with a size before an empty file",
                Tar(.pax) {
                    file("a", "data").record("comment", "pax")
                    hardlink("l", to: "a").sizeField(4)
                    file("b")
                    file("c", "z")
                }),
            AwkwardTar(
                "a hard link with a size at the very end",
                Tar(.pax, end: .missing) { file("a", "x").record("k", "v"); hardlink("l", to: "a").sizeField(4) }),
            AwkwardTar("a V7 directory with a size", Tar(.v7) { directory("d").sizeField(512); file("d/a", "x") }),
            AwkwardTar("an empty file with a slash behind its name", Tar { file("a/"); file("b", "y") }),
            AwkwardTar("a fifo with a size", Tar { fifo("f").sizeField(512); file("a", "x") }),
            AwkwardTar("a V7 directory", Tar(.v7) { directory("d"); file("d/a", "x") }),
        ]

    private static let duplicates: [AwkwardTar] = [
        AwkwardTar("a file twice", Tar { file("a", "v1"); file("b", "x"); file("a", "v2") }),
        AwkwardTar("a file twice under two spellings", Tar { file("a", "v1"); file("./a", "v2") }),
        AwkwardTar("a directory twice", Tar { directory("d"); file("d/f", "x"); directory("d").mode(0o700) }),
        AwkwardTar("a link to what is replaced", Tar { file("a", "v1"); hardlink("l", to: "a"); file("a", "v2") }),
        AwkwardTar(
            "two links to what is replaced",
            Tar { file("a", "v1"); hardlink("l", to: "a"); hardlink("m", to: "a"); file("a", "v2"); file("z", "z") }),
        AwkwardTar(
            "links on both sides of a replacement",
            Tar {
                file("a", "v1").attribute("user.x", [1])
                hardlink("l", to: "a")
                file("a", "v2")
                hardlink("m", to: "a")
                hardlink("n", to: "l")
            }),
        AwkwardTar("a link that is replaced", Tar { file("a", "v1"); hardlink("l", to: "a"); file("l", "v2") }),
        AwkwardTar("a link in place of a file", Tar { file("a", "v1"); file("l", "old"); hardlink("l", to: "a") }),
        AwkwardTar("a link before its target", Tar { hardlink("l", to: "a"); file("a", "x") }),
        AwkwardTar(
            "a chain of links before their target",
            Tar { hardlink("m", to: "l"); hardlink("l", to: "a"); file("a", "x") }),
        AwkwardTar("a link to a link", Tar { file("a", "x"); hardlink("l", to: "a"); hardlink("m", to: "l") }),
        AwkwardTar("a link to itself after the file", Tar { file("a", "x"); hardlink("a", to: "a"); file("b") }),
        AwkwardTar("a link to a symlink", Tar { symlink("s", to: "gone"); hardlink("l", to: "s") }),
        AwkwardTar("a link to a device", Tar { characterDevice("c", 1, 3); hardlink("l", to: "c") }),
        AwkwardTar("a link to an empty file", Tar { file("a"); hardlink("l", to: "a"); file("b", "x") }),
        AwkwardTar("a file in place of a directory", Tar { directory("d"); file("d/f", "x"); file("d", "y") }),
        AwkwardTar("a directory in place of a file", Tar { file("d", "y"); directory("d"); file("d/f", "x") }),
        AwkwardTar("a file in place of a directory without entry", Tar { file("d/f", "x"); file("d", "y") }),
        AwkwardTar(
            "a link in place of a directory", Tar { file("a", "x"); directory("d"); file("d/f", "y"); hardlink("d", to: "a") }
        ),
        AwkwardTar(
            "a link below a directory that is replaced, before its target",
            Tar { directory("d"); hardlink("d/l", to: "x"); file("d", "y"); file("x", "x") }),
        AwkwardTar("a symlink in place of a file", Tar { file("a", "x"); symlink("a", to: "b") }),
    ]

    private static let ends: [AwkwardTar] =
        Tar.End.allCases.map { end in
            AwkwardTar("end: \(end)", Tar(end: end) { file("a", "x"); file("b", "some data that is not a whole block") })
        } + Tar.End.allCases.filter { $0 != .trailingBytes }.map { end in
            AwkwardTar("no entry, end: \(end)", Tar(end: end) {})
        } + [AwkwardTar("only empty files", Tar { file("a"); file("b") })]
}
