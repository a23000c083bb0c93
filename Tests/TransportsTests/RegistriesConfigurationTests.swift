import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// From what `registries.conf` says to the places that are asked.
struct RegistriesConfigurationTests {
    private static let digest = "sha256:" + String(repeating: "a", count: 64)
    private static let twoMirrors = """
        [[registry]]
        prefix = "example.com/foo"
        location = "internal.example/bar"
        [[registry.mirror]]
        location = "first.example/mirror-for-foo"
        [[registry.mirror]]
        location = "second.example:5000/mirrors/foo/"
        """
    private static let modes = """
        [[registry]]
        location = "a.example"
        [[registry.mirror]]
        location = "d.example"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "t.example"
        pull-from-mirror = "tag-only"
        [[registry.mirror]]
        location = "all.example"
        pull-from-mirror = "all"
        """
    private static let digestOnly = """
        [[registry]]
        location = "a.example"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "m.example/a"
        """
    private static let insecure = """
        [[registry]]
        location = "a.example"
        insecure = true
        [[registry.mirror]]
        location = "m.example:5000"
        insecure = true
        """
    private static let wildcard = """
        [[registry]]
        prefix = "*.example.com"
        [[registry.mirror]]
        location = "m.example/all"
        [[registry]]
        prefix = "*.other.com"
        location = "inside.example"
        """
    private static let longest = """
        [[registry]]
        location = "a.example"
        [[registry]]
        prefix = "a.example/team"
        location = "b.example/t"
        [[registry]]
        prefix = "a.example/team/app"
        location = "c.example/app"
        """

    @Test(arguments: [
        PlanRow("", "a.example/app", "https://a.example/v2/app:latest"),
        PlanRow(
            twoMirrors, "example.com/foo/image:1", "https://first.example/v2/mirror-for-foo/image:1",
            "https://second.example:5000/v2/mirrors/foo/image:1", "https://internal.example/v2/bar/image:1"),
        PlanRow(twoMirrors, "example.com/foobar/image:1", "https://example.com/v2/foobar/image:1"),
        PlanRow(twoMirrors, "example.com/other", "https://example.com/v2/other:latest"),
        PlanRow(
            modes, "a.example/x:1", "https://t.example/v2/x:1", "https://all.example/v2/x:1", "https://a.example/v2/x:1"
        ),
        PlanRow(
            modes, "a.example/x@\(digest)", "https://d.example/v2/x@\(digest)", "https://all.example/v2/x@\(digest)",
            "https://a.example/v2/x@\(digest)"),
        PlanRow(digestOnly, "a.example/x:1", "https://a.example/v2/x:1"),
        PlanRow(
            digestOnly, "a.example/x:1@\(digest)", "https://m.example/v2/a/x:1@\(digest)",
            "https://a.example/v2/x:1@\(digest)"),
        PlanRow(
            insecure, "a.example/x:1", "any certificate: https://m.example:5000/v2/x:1",
            "else: http://m.example:5000/v2/x:1", "any certificate: https://a.example/v2/x:1",
            "else: http://a.example/v2/x:1"),
        PlanRow(wildcard, "b.example.com/x:1", "https://m.example/v2/all/x:1", "https://b.example.com/v2/x:1"),
        PlanRow(wildcard, "example.com/x:1", "https://example.com/v2/x:1"),
        PlanRow(wildcard, "a.b.other.com:5000/x:1", "https://inside.example:5000/v2/x:1"),
        PlanRow(wildcard, "other.com.evil/x:1", "https://other.com.evil/v2/x:1"),
        PlanRow(longest, "a.example/x:1", "https://a.example/v2/x:1"),
        PlanRow(longest, "a.example/team/x:1", "https://b.example/v2/t/x:1"),
        PlanRow(longest, "a.example/team/app:1", "https://c.example/v2/app:1"),
        PlanRow(longest, "a.example/team/apple:1", "https://b.example/v2/t/apple:1"),
        PlanRow(
            "[[registry]]\nlocation='docker.io'\n[[registry.mirror]]\nlocation='localhost:5000/hub'", "alpine",
            "http://localhost:5000/v2/hub/library/alpine:latest",
            "https://registry-1.docker.io/v2/library/alpine:latest"),
    ])
    func registriesConfiguration(row: PlanRow) throws {
        #expect(try plannedPlaces(of: row.reference, registries: [row.file]) == row.places)
    }

    @Test func aLaterFileReplacesWhatAnEarlierOneSaysOfAPrefix() throws {
        let later = "[[registry]]\nprefix = 'example.com/foo'\nlocation = 'third.example'"
        #expect(
            try plannedPlaces(of: "example.com/foo/image:1", registries: [Self.twoMirrors, later])
                == ["https://third.example/v2/image:1"])
    }

    @Test func pullingFromABlockedRegistryIsDenied() throws {
        let failure = #expect(throws: PullFailure.self) {
            try plannedPlaces(of: "a.example/x", registries: ["[[registry]]\nlocation='a.example'\nblocked=true"])
        }
        #expect(failure?.kind == .denied)
        #expect(failure?.description == "a.example/x:latest: pulling from 'a.example' is blocked in /file-0.conf")
    }

    @Test(arguments: [
        ("[[registry]]\nlocation = 'a\n", "/f.conf: line 2: "),
        ("a = 1\nb = \nc = 3", "/f.conf: line 2: "),
        ("[registries.search]\nregistries = ['docker.io']", "version 1"),
        ("[[registry]]\n", "expected 'location' or 'prefix'"),
        ("[[registry]]\nprefix = 'a.b'", "expected a 'location'"),
        ("[[registry]]\nlocation = 'https://a.b'", "without a scheme"),
        ("[[registry]]\nlocation = 3", "'location': expected a string"),
        ("[[registry]]\nlocation = 'a.b'\ninsecure = 'yes'", "'insecure': expected true or false"),
        ("[registry]\nlocation = 'a.b'", "'registry': expected tables, such as [[registry]]"),
        (
            "[[registry]]\nlocation = 'a.b'\n[[registry.mirror]]\ninsecure = true",
            "[[registry.mirror]]: expected 'location'"
        ),
        (
            "[[registry]]\nlocation='a.b'\n[[registry.mirror]]\nlocation='c.d'\npull-from-mirror='never'",
            "expected all, digest-only or tag-only"
        ),
        (
            """
            [[registry]]\nlocation='a.b'\nmirror-by-digest-only=true
            [[registry.mirror]]\nlocation='c.d'\npull-from-mirror='all'
            """, "exclude each other"
        ),
        ("[[registry]]\nlocation='a.b'\n[[registry]]\nlocation='a.b'\nblocked=true", "defined twice"),
        ("unqualified-search-registries = 'docker.io'", "expected a list of strings"),
        ("\u{0}", "expected TOML in UTF-8"),
    ])
    func aMalformedFileIsNamed(text: String, needle: String) throws {
        var configuration = RegistriesConfiguration()
        let failure = #expect(throws: ConfigurationFailure.self) {
            try configuration.merge(try ConfigurationFile(parsing: Array(text.utf8), from: "/f.conf"))
        }
        #expect(failure?.kind == .invalid)
        #expect(failure?.description.hasPrefix("/f.conf: ") == true)
        #expect(failure?.description.contains(needle) == true, "\(String(describing: failure))")
    }

    @Test func aLocationThatDockerHubWouldTakeForItsOwnIsRefused() throws {
        #expect(throws: ConfigurationFailure.self) {
            try plannedPlaces(of: "a.example/x", registries: ["[[registry]]\nprefix='a.example'\nlocation='mirror/x'"])
        }
    }

    /// The parser below would run out of stack on some of these.
    private static let hostile = [
        Array(repeating: "a", count: 500_000).joined(separator: "."),
        Array(repeating: "a", count: 500_000).joined(separator: ".") + " = 1\n]",
        "a = " + String(repeating: "[", count: 100_000), "a = " + String(repeating: "{a=", count: 100_000),
        "a = " + String(repeating: "[\n", count: 200) + String(repeating: "]\n", count: 200),
        String(repeating: "[[a]]\n", count: 1000) + "[" + Array(repeating: "a", count: 60).joined(separator: ".") + "]",
        "a = [" + String(repeating: "\n{" + Array(repeating: "a", count: 60).joined(separator: ".") + "=[", count: 100),
        "\"\\u0000\" = \"\\u0000\"\n= 3", "a = 9999999999999999999999", "a = 1979-99-99", "\u{feff}\u{feff}= 1",
    ]

    @Test(arguments: hostile.indices)
    func hostileTOMLIsRefused(number: Int) throws {
        #expect(throws: ConfigurationFailure.self) {
            try ConfigurationFile(parsing: Array(Self.hostile[number].utf8), from: "/f.conf")
        }
    }

    @Test func aHugeFileIsNotRead() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("registries.conf")
            try write([UInt8](repeating: 0x0a, count: 1 << 20 + 1), to: path)
            let failure = #expect(throws: ConfigurationFailure.self) { try ConfigurationFile(reading: path) }
            #expect(failure?.description.contains("at most 1048576 bytes") == true)
        }
    }

    @Test func theFilesAreThoseThatPodmanReads() async throws {
        try await withTemporaryDirectory { directory in
            let (home, system) = (directory.appending("home"), directory.appending("system"))
            let user = home.appending(".config/containers")
            let files = {
                MirrorSettings.registriesFiles(home: home, system: system).map {
                    "\($0)".dropFirst("\(directory)/".count)
                }
            }
            #expect(files() == [])
            for path in [
                "system/registries.conf.d/b.conf", "system/registries.conf.d/a.conf", "system/registries.conf.d/c",
            ] {
                try write([], to: directory.appending(path))
            }
            try write([], to: system.appending("registries.conf"))
            try write([], to: user.appending("registries.conf.d/0.conf"))
            #expect(
                files() == [
                    "system/registries.conf", "system/registries.conf.d/a.conf", "system/registries.conf.d/b.conf",
                    "home/.config/containers/registries.conf.d/0.conf",
                ])
            try write([], to: user.appending("registries.conf"))
            #expect(
                files() == [
                    "home/.config/containers/registries.conf", "home/.config/containers/registries.conf.d/0.conf",
                ])
        }
    }

    // MARK: Names without a registry

    private static let search = "unqualified-search-registries = ['quay.io', 'docker.io']"
    private static let aliases =
        "[aliases]\n'fedora' = 'registry.example/fedora'\n'alpine' = 'docker.io/library/alpine'"

    @Test(arguments: [
        ("alpine", search, "quay.io/alpine"), ("team/app", search, "quay.io/team/app"),
        ("fedora", aliases, "registry.example/fedora"), ("alpine", aliases, nil), ("alpine", "", nil),
        ("docker.io/alpine", search, nil), ("docker://alpine", search, nil), ("quay.io/x", search, nil),
        ("alpine", "unqualified-search-registries = ['docker.io']", nil),
        ("alpine", "unqualified-search-registries = []", nil), ("debian", aliases, nil),
    ])
    func aShortNameIsDockerHubs(typed: String, file: String, needle: String?) throws {
        guard case .registry(let reference) = try ImageLocation(parsing: typed) else { return }
        var configuration = RegistriesConfiguration()
        try configuration.merge(try ConfigurationFile(parsing: Array(file.utf8), from: "/f.conf"))
        let remark = configuration.remark(on: reference)
        #expect((remark == nil) == (needle == nil))
        if let needle { #expect(remark?.contains(needle) == true, "\(String(describing: remark))") }
    }
}
