import Content
import OCI
import Profiles
import Recording
import SystemPackage
import TestSupport
import Testing

/// What the runtime is told, as a runtime of ours has written it down.
@Suite(.enabled(if: canRecord, "needs root, runc and gcc"))
struct SpecificationTests {
    /// Runs nothing, but keeps the configuration and the files for `/etc`.
    private func specification(
        _ configuration: String = #""Cmd":["/probe"]"#, _ items: [TarItem] = [],
        _ change: (inout WorkloadRequest) -> Void = { _ in }
    ) async throws -> (json: JSON, hosts: String, resolver: String) {
        let image = try await ProbeImage(configuration) { items }
        return try await withTemporaryDirectory { place in
            try write(
                Array(
                    """
                    #!/bin/sh
                    cp "\(place)"/esgz-run-*/config.json "\(place)"/esgz-run-*/hosts "\(place)"/esgz-run-*/resolv.conf "\(place)"
                    """.utf8), to: place.appending("runtime"))
            _ = try await Command.run("chmod", ["755", place.appending("runtime").string])
            await #expect(throws: (any Error).self, "nothing is run") {
                try await image.record("", in: place) {
                    ($0.entrypoint, $0.arguments, $0.runtime) = ([], [], place.appending("runtime").string)
                    change(&$0)
                }
            }
            return (
                try JSON(parsing: FileSlice(opening: place.appending("config.json")).bytes()),
                try text(ofProc: place.appending("hosts").string),
                try text(ofProc: place.appending("resolv.conf").string)
            )
        }
    }

    private func strings(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string) }

    @Test func containersAreThoseOfContainerd() async throws {
        let json = try await specification().json
        #expect(strings(json["process"]?["args"]) == ["/probe"])
        #expect(
            strings(json["process"]?["env"]) == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        #expect(json["process"]?["cwd"] == "/")
        #expect(json["process"]?["user"]?["uid"]?.integer == 0)
        #expect(
            json["mounts"]?.array?.compactMap { $0["destination"]?.string } == [
                "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/etc/hosts", "/etc/hostname",
                "/etc/resolv.conf",
            ])
        #expect(
            json["linux"]?["namespaces"]?.array?.compactMap { $0["type"]?.string } == [
                "pid", "ipc", "uts", "mount", "network",
            ])
        #expect(strings(json["process"]?["capabilities"]?["bounding"]).count == 14)
        #expect(json["process"]?["capabilities"]?["inheritable"] == nil)
        let (masked, readOnly) = (strings(json["linux"]?["maskedPaths"]), strings(json["linux"]?["readonlyPaths"]))
        #expect(masked.contains("/proc/kcore") && readOnly.contains("/proc/sys"))
    }

    @Test(arguments: [
        // What the image says, what the user says, and what runs.
        (#""Entrypoint":["e"],"Cmd":["c","d"]"#, [], [], ["e", "c", "d"]),
        (#""Entrypoint":["e"],"Cmd":["c","d"]"#, ["x", "y"], [], ["x", "y", "c", "d"]),
        (#""Entrypoint":["e"],"Cmd":["c","d"]"#, [], ["z"], ["e", "z"]),
        (#""Entrypoint":["e"],"Cmd":["c","d"]"#, ["x"], ["z"], ["x", "z"]), (#""Cmd":["c"]"#, [], [], ["c"]),
    ])
    func entrypointAndArgumentsAreReplacedOneByOne(
        configuration: String, entrypoint: [String], arguments: [String], expected: [String]
    ) async throws {
        let json = try await specification(configuration) { ($0.entrypoint, $0.arguments) = (entrypoint, arguments) }
            .json
        #expect(strings(json["process"]?["args"]) == expected)
    }

    @Test(arguments: [
        ("", "0:0:[4, 20]"), ("app", "1000:1001:[20]"), ("1000", "1000:1001:[20]"), ("7", "7:0:[]"), ("7:8", "7:8:[]"),
        ("app:adm", "1000:4:[]"), ("1000:99", "1000:99:[]"), (":adm", "0:4:[]"), ("42", "5:6:[]"),
    ])
    func usersAreLookedUpInTheImage(user: String, expected: String) async throws {
        let items = [
            file(
                "etc/passwd",
                "root:x:0:0::/root:/bin/sh\napp:x:1000:1001:::\n42:x:5:6::/:\nbroken\n::\nbad:x:-1:9::/:\n"),
            file("etc/group", "adm:x:4:root\ndialout:x:20:app,root\nlarge:x:99999999999:app\nbroken:x\n"),
        ]
        let found = try await specification(#""Cmd":["/probe"],"User":"\#(user)""#, items).json["process"]?["user"]
        let groups = (found?["additionalGids"]?.array ?? []).compactMap(\.integer)
        #expect("\(found?["uid"]?.integer ?? -1):\(found?["gid"]?.integer ?? -1):\(groups)" == expected)
    }

    @Test func aNetworkOfItsOwnHasItsOwnFiles() async throws {
        let (_, hosts, resolver) = try await specification {
            $0.hosts = [.init(name: "db", address: "10.0.0.1"), .init(name: "six", address: "fd00::1")]
            $0.resolverOptions = ["ndots:2", "timeout:1"]
            $0.searchDomains = ["a.example", "b.example"]
        }
        #expect(hosts.hasSuffix("\n10.0.0.1\tdb\nfd00::1\tsix\n") && hosts.contains("localhost"))
        #expect(resolver == "nameserver 8.8.8.8\nsearch a.example b.example\noptions ndots:2 timeout:1\n")
    }

    @Test func theNetworkOfTheMachineHasItsFiles() async throws {
        let (json, hosts, resolver) = try await specification {
            $0.usesHostNetwork = true
            $0.hosts = [.init(name: "db", address: "10.0.0.1")]
        }
        #expect(hosts == (try text(ofProc: "/etc/hosts")) + "10.0.0.1\tdb\n")
        #expect(resolver == (try text(ofProc: "/etc/resolv.conf")))
        #expect(json["linux"]?["namespaces"]?.array?.contains { $0["type"] == "network" } == false)
        let changed = try await specification { ($0.usesHostNetwork, $0.nameServers) = (true, ["1.2.3.4"]) }
        #expect(changed.resolver == "nameserver 1.2.3.4\n")
    }

    @Test func mountsOfTheUserComeLast() async throws {
        let json = try await specification {
            $0.mounts = [
                .init(type: "bind", source: "/a", destination: "/etc/hosts", options: ["ro"]),
                .init(type: "tmpfs", source: "tmpfs", destination: "/t", options: ["size=1m"]),
            ]
        }.json
        let mounts = (json["mounts"]?.array ?? []).suffix(2)
        #expect(mounts.map { strings($0["options"]) } == [["rbind", "ro"], ["size=1m"]])
    }
}
