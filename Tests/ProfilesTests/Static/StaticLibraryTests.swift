import Archive
import Profiles
import TestSupport
import Testing

/// Which libraries a program loads, and where they are found.
struct StaticLibraryTests {
    private let loader = file("lib64/ld.so", TinyELF().bytes)

    @Test(arguments: [true, false], [true, false])
    func aProgramOfAnyClassAndByteOrderLoadsItsLibrariesBreadthFirst(is64Bit: Bool, isBigEndian: Bool) async throws {
        func elf(_ interpreter: String?, _ needed: String...) -> TinyELF {
            TinyELF(
                is64Bit: is64Bit, isBigEndian: isBigEndian, machine: 8, interpreter: interpreter, needed: needed)
        }
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/tool", elf("/lib/ld.so.1", "liba.so", "libb.so"))
                file("lib/ld.so.1", elf(nil).bytes)
                file("lib/liba.so", elf(nil, "libc.so").bytes)
                file("usr/lib/libb.so", elf(nil, "liba.so").bytes)
                file("lib/libc.so", elf(nil).bytes)
            }, command: ["tool"])
        #expect(
            try await image.paths == [
                "usr/bin/tool", "lib/ld.so.1", "lib/liba.so", "usr/lib/libb.so", "lib/libc.so",
            ])
    }

    @Test func librariesForOtherMachinesArePassedOver() async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/tool", .program("libx.so"))
                loader
                file("lib64/libx.so", TinyELF(machine: 183).bytes)
                file("usr/lib64/libx.so", TinyELF(is64Bit: false).bytes)
                file("lib/libx.so", "no library at all")
                file("usr/lib/libx.so", TinyELF().bytes)
            }, command: ["tool"])
        #expect(try await image.paths == ["bin/tool", "lib64/ld.so", "usr/lib/libx.so"])
    }

    /// Each place of the table holds the library; the first one that applies counts.
    @Test(arguments: [
        (TinyELF(rpath: "/rpath"), [], "rpath"),
        (TinyELF(rpath: "/rpath"), ["LD_LIBRARY_PATH=/env"], "rpath"),
        (TinyELF(rpath: "/rpath", runPath: "/nowhere"), ["LD_LIBRARY_PATH=/env"], "env"),
        (TinyELF(runPath: "/runpath"), ["LD_LIBRARY_PATH=/env"], "env"),
        (TinyELF(runPath: "/none:/runpath"), [], "runpath"),
        (TinyELF(runPath: "$ORIGIN/../origin"), [], "origin"),
        (TinyELF(runPath: "${ORIGIN}/../origin"), [], "origin"),
        (TinyELF(), [], "configured"),
    ])
    func theFirstPlaceThatALoaderLooksInCounts(elf: TinyELF, environment: [String], place: String) async throws {
        var elf = elf
        (elf.interpreter, elf.needed) = ("/lib64/ld.so", ["libx.so"])
        let image = try StaticTestImage(
            Tar {
                program("opt/bin/tool", elf)
                loader
                file("etc/ld.so.conf", "# comment\ninclude /etc/ld.so.conf.d/*.conf\n")
                file("etc/ld.so.conf.d/a.conf", "/configured # here\n")
                file("etc/ld.so.conf.d/.hidden.conf", "/hidden\n")
                for name in ["rpath", "env", "runpath", "opt/origin", "hidden", "configured", "lib64"] {
                    file("\(name)/libx.so", TinyELF().bytes)
                }
            }, command: ["/opt/bin/tool"], environment: environment)
        #expect(try await image.paths.last == (place == "origin" ? "opt/origin/libx.so" : "\(place)/libx.so"))
    }

    @Test func rpathsOfThoseThatAskAreInherited() async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/tool", TinyELF(interpreter: "/lib64/ld.so", needed: ["liba.so"], rpath: "/private"))
                loader
                file("private/liba.so", TinyELF.library("libb.so").bytes)
                file("private/libb.so", TinyELF().bytes)
            }, command: ["tool"])
        #expect(try await image.paths.suffix(2) == ["private/liba.so", "private/libb.so"])
    }

    @Test(arguments: [false, true])
    func theCacheSaysWhereALibraryLies(behindAnOlderFormat: Bool) async throws {
        let cache = cache(
            [
                ("libx.so", "/far/away/libx.so"), ("liby.so", "/far/glibc-hwcaps/x86-64-v3/liby.so"),
                ("liby.so", "/far/liby.so"),
            ],
            behindAnOlderFormat: behindAnOlderFormat)
        let image = try StaticTestImage(
            Tar {
                program("bin/tool", .program("libx.so", "liby.so"))
                loader
                file("etc/ld.so.cache", cache)
                file("far/away/libx.so", TinyELF().bytes)
                file("far/liby.so", TinyELF().bytes)
                file("far/glibc-hwcaps/x86-64-v3/liby.so", TinyELF().bytes)
                file("far/glibc-hwcaps/x86-64-v4/liby.so", TinyELF().bytes)
                file("lib64/libx.so", TinyELF().bytes)
            }, command: ["tool"])
        #expect(
            try await image.paths == [
                "bin/tool", "lib64/ld.so", "etc/ld.so.cache", "far/away/libx.so", "far/glibc-hwcaps/x86-64-v3/liby.so",
            ])
    }

    private func cache(_ entries: [(name: String, path: String)], behindAnOlderFormat: Bool) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        var strings: [UInt8] = []
        var table: [UInt8] = []
        let start = 48 + 24 * entries.count
        for entry in entries {
            table += number(3) + number(start + strings.count)
            strings += Array(entry.name.utf8) + [0]
            table += number(start + strings.count) + [UInt8](repeating: 0, count: 12)
            strings += Array(entry.path.utf8) + [0]
        }
        let cache =
            Array("glibc-ld.so.cache1.1".utf8) + number(entries.count) + number(strings.count)
            + [UInt8](repeating: 0, count: 20) + table + strings
        let old = Array("ld.so-1.7.0\0".utf8) + number(1) + [UInt8](repeating: 7, count: 12)
        return behindAnOlderFormat ? old + [UInt8](repeating: 0, count: 4) + cache : cache
    }

    @Test func variantsForCommonProcessorsComeFirst() async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/tool", .program("libx.so"))
                loader
                file("lib64/libx.so", TinyELF().bytes)
                file("lib64/glibc-hwcaps/x86-64-v2/libx.so", TinyELF().bytes)
            }, command: ["tool"])
        #expect(try await image.paths.last == "lib64/glibc-hwcaps/x86-64-v2/libx.so")
    }

    @Test(arguments: [("/custom:/other", "custom"), ("/custom\n/other\n", "custom"), (nil, "usr/lib")])
    func muslLooksWhereItsOwnFileSays(paths: String?, place: String) async throws {
        let image = try StaticTestImage(
            Tar {
                program(
                    "bin/tool",
                    TinyELF(interpreter: "/lib/ld-musl-x86_64.so.1", needed: ["libc.musl-x86_64.so.1", "libz.so.1"]))
                file("lib/ld-musl-x86_64.so.1", TinyELF().bytes)
                file("custom/libz.so.1", TinyELF().bytes)
                file("usr/lib/libz.so.1", TinyELF().bytes)
                if let paths { file("etc/ld-musl-x86_64.path", paths) }
            }, command: ["tool"])
        let list = paths == nil ? [] : ["etc/ld-musl-x86_64.path"]
        #expect(
            try await image.paths == ["bin/tool", "lib/ld-musl-x86_64.so.1"] + list + ["\(place)/libz.so.1"])
    }

    @Test(arguments: [
        ([], []),
        (["getpwnam"], ["etc/nsswitch.conf", "etc/passwd", "lib64/libnss_extra.so.2"]),
        (["getgrnam"], ["etc/nsswitch.conf", "etc/group"]),
        (["getaddrinfo"], ["etc/nsswitch.conf", "etc/hosts"]),
        (["localtime"], ["usr/share/zoneinfo/Etc/UTC"]),
        (["forgetpwnam", "getpwnamed"], []),
    ])
    func aProgramReadsTheFilesOfTheFunctionsThatItCalls(symbols: [String], paths: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/tool", .program(symbols: symbols))
                loader
                file("etc/nsswitch.conf", "passwd: files extra # comment\ngroup: [NOTFOUND=return] files\n")
                file("lib64/libnss_extra.so.2", TinyELF().bytes)
                for name in ["passwd", "group", "hosts"] { file("etc/\(name)", "x") }
                symlink("etc/localtime", to: "/usr/share/zoneinfo/Etc/UTC")
                file("usr/share/zoneinfo/Etc/UTC", "TZif")
            }, command: ["tool"])
        #expect(try await image.paths == ["bin/tool", "lib64/ld.so"] + paths)
    }

    @Test(arguments: [
        ("LANG=C.UTF-8", ["usr/lib/locale/C.utf8/LC_CTYPE", "usr/lib/locale/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES"]),
        ("LC_ALL=C", []), ("X=Y", []),
    ])
    func aProgramWithALocaleReadsThatOfItsEnvironment(variable: String, paths: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/tool", .program(symbols: ["setlocale"]))
                loader
                file("usr/lib/locale/C.utf8/LC_CTYPE", "x")
                file("usr/lib/locale/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES", "x")
            }, command: ["/bin/tool"], environment: [variable])
        #expect(try await image.paths == ["bin/tool", "lib64/ld.so"] + paths)
    }
}
