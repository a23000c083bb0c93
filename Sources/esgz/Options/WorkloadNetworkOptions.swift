import ArgumentParser
import Glibc
import Recording

/// Which network a workload has, and what it finds of names there. The names are those of ctr-remote.
struct WorkloadNetworkOptions: ParsableArguments {
    @Flag(help: "Let the workload use the network of this machine; else it has a loopback interface alone.")
    var netHost = false

    @Option(help: ArgumentHelp("Add these to /etc/hosts, HOST:ADDRESS, separated by commas.", valueName: "hosts"))
    var addHosts: HostTexts?

    @Option(
        help: ArgumentHelp(
            "Name these servers in /etc/resolv.conf, separated by commas. (default: 8.8.8.8)", valueName: "addresses"))
    var dnsNameservers: String?

    @Option(
        help: ArgumentHelp("Search these domains, separated by commas, in /etc/resolv.conf.", valueName: "domains"))
    var dnsSearchDomains: String?

    @Option(help: ArgumentHelp("Set these options, separated by commas, in /etc/resolv.conf.", valueName: "options"))
    var dnsOptions: String?

    @Flag(help: .hidden)
    var cni = false

    @Option(help: .hidden)
    var cniPluginConfDir: String?

    @Option(help: .hidden)
    var cniPluginDir: String?

    @Option(help: .hidden)
    var gpus: String?

    func validate() throws {
        guard !cni, cniPluginConfDir == nil, cniPluginDir == nil else {
            throw ValidationError(
                "--cni: esgz knows no CNI; use --net-host, or the loopback interface that is always there")
        }
        guard gpus == nil else {
            throw ValidationError(
                "--gpus: esgz knows no CDI; name devices and libraries with --mount, or record on the node with strace")
        }
        let texts = [dnsNameservers, dnsSearchDomains, dnsOptions].compactMap(\.self)
        guard !texts.contains(where: { $0.contains { $0.isWhitespace } }) else {
            throw ValidationError("--dns-…: expected words separated by commas")
        }
    }

    /// The first of these options that was given.
    var firstGiven: String? {
        let given: [(String, Bool)] = [
            ("--net-host", netHost), ("--add-hosts", addHosts != nil), ("--dns-nameservers", dnsNameservers != nil),
            ("--dns-search-domains", dnsSearchDomains != nil), ("--dns-options", dnsOptions != nil),
        ]
        return given.first { $0.1 }?.0
    }

    func apply(to request: inout WorkloadRequest) {
        func words(_ text: String?) -> [String] { (text ?? "").split(separator: ",").map(String.init) }
        request.usesHostNetwork = netHost
        request.hosts = addHosts?.hosts ?? []
        request.nameServers = words(dnsNameservers)
        request.searchDomains = words(dnsSearchDomains)
        request.resolverOptions = words(dnsOptions)
    }
}

/// Hosts with their addresses, such as `db:10.0.0.1,cache:fd00::1`.
struct HostTexts: ExpressibleByArgument {
    let hosts: [WorkloadRequest.Host]

    init?(argument: String) {
        let parts = argument.split(separator: ",")
        hosts = parts.compactMap { part in
            let sides = part.split(separator: ":", maxSplits: 1).map(String.init)
            guard sides.count == 2, Self.isAddress(sides[1]), !sides[0].contains(where: \.isWhitespace) else {
                return nil
            }
            return WorkloadRequest.Host(name: sides[0], address: sides[1])
        }
        guard !hosts.isEmpty, hosts.count == parts.count else { return nil }
    }

    private static func isAddress(_ text: String) -> Bool {
        var address = in6_addr()
        return [AF_INET, AF_INET6].contains { inet_pton($0, text, &address) == 1 }
    }
}
