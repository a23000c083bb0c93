import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// From what `hosts.toml` says to the places that are asked.
struct HostsFileTests {
    private static let digest = "sha256:" + String(repeating: "a", count: 64)
    private static let hosts = """
        # "https://second.example" is not the first
        server = "https://second.example"
        [host."https://first.example"]
          capabilities = ["pull"]
        [host."https://b.example/proxy"]
        [host."https://a.example/proxy/v2/"]
          override_path = true
          [host."https://a.example/proxy/v2/".header]
            x-one = "1"
        [host."http://localhost:5000"]
          capabilities = ["push"]
          skip_verify = true
        """

    /// Time that grows with the square of the length would make minutes of it.
    @Test(.timeLimit(.minutes(10)))
    func longFilesAreReadInOrder() throws {
        let names = (0..<5000).map { "https://m\($0 * 7919 % 5000).example" }
        let hosts = names.map { "[host.'\($0)']\ncapabilities = ['pull']\n" }.joined()
        let file = try HostsFile(ConfigurationFile(parsing: Array(hosts.utf8), from: "hosts.toml"))
        #expect(file.hosts.map(\.origin.origin) == names)
        let entries = names.map { "[[registry]]\nlocation = '\($0.dropFirst(8))'\n" }.joined()
        var registries = RegistriesConfiguration()
        try registries.merge(try ConfigurationFile(parsing: Array(entries.utf8), from: "registries.conf"))
        #expect(registries.registries.map(\.prefix) == names.map { String($0.dropFirst(8)) })
    }

    @Test(arguments: [
        PlanRow(
            hosts, "r.example/x:1", "for r.example: pull only: https://first.example/v2/x:1",
            "for r.example: https://b.example/proxy/v2/x:1", "for r.example: https://a.example/proxy/v2/x:1",
            "for r.example: https://second.example/v2/x:1"),
        PlanRow("", "r.example/x:1", "https://r.example/v2/x:1"),
        PlanRow("", "alpine", "https://registry-1.docker.io/v2/library/alpine:latest"),
        PlanRow(
            "[host.'m.example']", "alpine", "for docker.io: https://m.example/v2/library/alpine:latest",
            "https://registry-1.docker.io/v2/library/alpine:latest"),
        PlanRow(
            "server = 'https://registry-1.docker.io'", "alpine", "https://registry-1.docker.io/v2/library/alpine:latest"
        ),
        PlanRow("skip_verify = true", "localhost/x:1", "any certificate: https://localhost/v2/x:1"),
        PlanRow("", "localhost/x:1", "http://localhost/v2/x:1"),
        PlanRow(
            "[host.'http://m.example/v2']\ncapabilities=['pull','resolve']", "r.example/x:1",
            "for r.example: http://m.example/v2/x:1", "https://r.example/v2/x:1"),
        PlanRow("server='https://r.example/else'\noverride_path=true", "r.example/x:1", "https://r.example/else/x:1"),
        PlanRow(
            "capabilities=['resolve']\n[host.'https://m.example']\ncapabilities=['resolve']", "r.example/x@\(digest)"),
    ])
    func hostsFile(row: PlanRow) throws {
        let places = try? plannedPlaces(of: row.reference, hosts: row.file)
        #expect(places ?? [] == row.places)
    }

    @Test(arguments: [
        ("[host]\n'https://a' = 3", "'host': expected tables"), ("capabilities = ['fly']", "expected some of pull"),
        ("server = 'ftp://a.b'", "expected an http or https URL"), ("skip_verify = 1", "expected true or false"),
        ("header = 'x'", "'header': expected a table"), ("client = 3", "'client': expected"),
        ("client = [['a','b','c']]", "'client': expected"), ("server = 'https://a.b?c'", "without a query"),
        ("[header]\n\"X\\nY\" = 'secret'", "expected the name of a header"), ("ca = '/none'", "cannot open /none"),
        ("server = ", "line 1"), ("[host.'https://user:secret@a.b']", "expected an http or https URL"),
    ])
    func aMalformedHostsFileIsNamed(text: String, needle: String) throws {
        let failure = #expect(throws: (any Error).self) { try plannedPlaces(of: "r.example/x", hosts: text) }
        let description = (failure as? any Failure)?.description ?? ""
        #expect(description.contains("hosts.toml: "), "\(description)")
        #expect(description.contains(needle), "\(description)")
        #expect((failure as? any Failure)?.kind == .invalid)
        #expect(!description.contains("secret"))
    }

    @Test(arguments: [
        (["r.example_5000_/hosts.toml", "r.example:5000/hosts.toml", "_default/hosts.toml"], "r.example_5000_"),
        (["r.example:5000/hosts.toml", "_default/hosts.toml"], "r.example:5000"),
        (["_default/hosts.toml"], "_default"),
        (["r.example:5000/ca.crt", "_default/hosts.toml"], nil),
        (["r.example/hosts.toml"], nil),
    ])
    func theDirectoryOfTheHostComesBeforeTheDefault(files: [String], found: String?) async throws {
        try await withTemporaryDirectory { directory in
            for file in files { try write([], to: directory.appending(file)) }
            let hosts = try HostsFile.find(for: "r.example:5000", in: ["/nonexistent", directory])
            #expect(hosts?.path == found.map { directory.appending($0).appending("hosts.toml") })
        }
    }

    @Test func relativeNamesOfCertificatesStartAtTheFile() async throws {
        try await withTemporaryDirectory { directory in
            try write(Array("-----BEGIN CERTIFICATE-----".utf8), to: directory.appending("ca.pem"))
            for client in ["'both.pem'", "['both.pem']", "[['both.pem']]", "[['both.pem', '/key.pem'], ['x', 'y']]"] {
                try write(
                    Array("ca = 'ca.pem'\nclient = \(client)".utf8), to: directory.appending("hosts.toml"))
                let file = try HostsFile(ConfigurationFile(reading: directory.appending("hosts.toml")))
                let certificates = file.settings.certificates
                #expect(certificates?.authorities.isEmpty == false)
                #expect(certificates?.clientCertificate == directory.appending("both.pem"))
                let key: FilePath = client.contains("key") ? "/key.pem" : directory.appending("both.pem")
                #expect(certificates?.clientKey == key)
            }
            try write([], to: directory.appending("ca.pem"))
            #expect(throws: CertificateFailure.self) {
                try HostsFile(ConfigurationFile(reading: directory.appending("hosts.toml")))
            }
        }
    }

    @Test func hostsFilesGoBeforeRegistriesButBlockedStaysBlocked() throws {
        let registry = "[[registry]]\nlocation = 'r.example'\n[[registry.mirror]]\nlocation = 'm.example'"
        #expect(
            try plannedPlaces(of: "r.example/x:1", registries: [registry], hosts: "server = 'https://s.example'")
                == ["for r.example: https://s.example/v2/x:1"])
        #expect(throws: PullFailure.self) {
            try plannedPlaces(
                of: "r.example/x:1", registries: ["[[registry]]\nlocation='r.example'\nblocked=true"], hosts: "")
        }
    }
}
