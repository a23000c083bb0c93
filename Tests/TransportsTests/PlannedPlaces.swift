import Content
import OCI
import SystemPackage
import Testing

@testable import Transports

/// What a file says, what is pulled, and the places in order.
struct PlanRow: Sendable, CustomTestStringConvertible {
    let file: String
    let reference: String
    let places: [String]

    init(_ file: String, _ reference: String, _ places: String...) {
        self.file = file
        self.reference = reference
        self.places = places
    }

    var testDescription: String { "\(reference): \(file)" }
}

/// The places as text, such as `for docker.io: https://mirror.example/v2/library/alpine:latest`.
func plannedPlaces(
    of text: String, registries files: [String] = [], hosts: String? = nil
) throws -> [String] {
    var registries = RegistriesConfiguration()
    for (number, file) in files.enumerated() {
        try registries.merge(
            try ConfigurationFile(parsing: Array(file.utf8), from: FilePath("/file-\(number).conf")))
    }
    let hosts = try hosts.map {
        try HostsFile(ConfigurationFile(parsing: Array($0.utf8), from: "/certs.d/r/hosts.toml"))
    }
    let plan = try PullPlan(for: ImageReference(parsing: text), registries, hosts, plainHTTP: false) {
        try RegistryClient.origin(of: $0, plainHTTP: false, certificateDirectories: [])
    }
    return plan.endpoints.map { endpoint in
        (endpoint.namespace.map { "for \($0): " } ?? "")
            + (endpoint.mayResolve ? "" : "pull only: ")
            + (endpoint.isWithoutTLS
                ? "else: " : endpoint.certificates?.skipsVerification == true ? "any certificate: " : "")
            + endpoint.origin.origin + endpoint.path
            + endpoint.reference.description.drop { $0 != "/" }.dropFirst()
    }
}
