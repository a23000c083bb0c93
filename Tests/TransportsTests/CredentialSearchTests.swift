import Content
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Which of the many places counts.
struct CredentialSearchTests {
    private static let places = [
        "run/containers/auth.json", "configuration/containers/auth.json", "docker/config.json", "home/.dockercfg",
    ]

    @Test func placesAreSearchedInTheOrderOfPodmanAndThenDocker() async throws {
        try await withTemporaryDirectory { directory in
            let variables = Self.variables(directory)
            // From the last to the first: each new one comes before those that are there already.
            for place in Self.places.reversed() {
                let entry = #"{"a.b":{"username":"\#(place)","password":"x"}}"#
                let text = place.hasSuffix("cfg") ? entry : #"{"auths":\#(entry)}"#
                try write(Array(text.utf8), to: directory.appending(place))
                #expect(try await Self.username(CredentialSearch(variables: variables)) == place)
            }
            var changed = variables
            changed["DOCKER_AUTH_CONFIG"] = #"{"auths":{"a.b":{"username":"variable","password":"x"}}}"#
            #expect(try await Self.username(CredentialSearch(variables: changed)) == "variable")
            changed["REGISTRY_AUTH_FILE"] = directory.appending(Self.places[2]).string
            #expect(try await Self.username(CredentialSearch(variables: changed)) == Self.places[2])
            let named = CredentialSearch(file: directory.appending(Self.places[1]), variables: changed)
            #expect(try await Self.username(named) == Self.places[1])
        }
    }

    @Test(arguments: [
        (["XDG_CONFIG_HOME"], "home/.config/containers/auth.json"), (["DOCKER_CONFIG"], "home/.docker/config.json"),
    ])
    func withoutAVariableTheHomeDirectoryServes(absent: [String], path: String) async throws {
        try await withTemporaryDirectory { directory in
            var variables = Self.variables(directory)
            for name in absent { variables[name] = "" }
            try write(
                Array(#"{"auths":{"a.b":{"username":"home","password":"x"}}}"#.utf8), to: directory.appending(path))
            #expect(try await Self.username(CredentialSearch(variables: variables)) == "home")
        }
    }

    @Test func aPlaceWithoutTheRegistryLeavesItToTheNext() async throws {
        try await withTemporaryDirectory { directory in
            try write(
                Array(#"{"auths":{"other":{"auth":"eDp5"},"a.b/ns":{"auth":"eDp5"}}}"#.utf8),
                to: directory.appending(Self.places[0]))
            try write(
                Array(#"{"auths":{"a.b":{"auth":"dXNlcjp5"}}}"#.utf8), to: directory.appending(Self.places[2]))
            #expect(try await Self.username(CredentialSearch(variables: Self.variables(directory))) == "user")
        }
    }

    @Test func aFileThatIsNamedMustBeThereAndIsTheOnlyPlace() async throws {
        try await withTemporaryDirectory { directory in
            var variables = Self.variables(directory)
            try write(
                Array(#"{"auths":{"a.b":{"auth":"dXNlcjp5"}}}"#.utf8), to: directory.appending(Self.places[2]))
            variables["REGISTRY_AUTH_FILE"] = directory.appending("absent.json").string
            let failure = await #expect(throws: CredentialFailure.self) {
                try await Self.username(CredentialSearch(variables: variables))
            }
            #expect(failure?.kind == .usage)
            #expect(failure?.description.contains("absent.json") == true)
            try write(Array("{}".utf8), to: directory.appending("absent.json"))
            #expect(try await Self.username(CredentialSearch(variables: variables)) == nil)
        }
    }

    @Test func aMalformedVariableIsNamedAndNotShown() async throws {
        try await withTemporaryDirectory { directory in
            var variables = Self.variables(directory)
            variables["DOCKER_AUTH_CONFIG"] = #"{"auths":{"a.b":{"auth":"s3cret"#
            let failure = await #expect(throws: ContextualFailure.self) {
                try await Self.username(CredentialSearch(variables: variables))
            }
            #expect(failure?.description.hasPrefix("DOCKER_AUTH_CONFIG: ") == true)
            #expect(failure?.description.contains("s3cret") == false)
        }
    }

    private static func username(_ search: CredentialSearch) async throws -> String? {
        try await search.find(CredentialKey(registry: "a.b", path: "app"))?.credentials?.username
    }

    private static func variables(_ directory: FilePath) -> [String: String] {
        [
            "XDG_RUNTIME_DIR": directory.appending("run").string, "HOME": directory.appending("home").string,
            "XDG_CONFIG_HOME": directory.appending("configuration").string,
            "DOCKER_CONFIG": directory.appending("docker").string, "DOCKER_AUTH_CONFIG": "", "REGISTRY_AUTH_FILE": "",
        ]
    }
}
