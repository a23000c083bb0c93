import Content

/// How the workload of an image is run, where that differs from what the image says, and when it ends.
package struct WorkloadRequest: Sendable {
    /// A file system that is mounted in the container, as runtimes take it.
    package struct Mount: Hashable, Sendable {
        package var type: String
        package var source: String
        package var destination: String
        package var options: [String]

        package init(type: String, source: String, destination: String, options: [String]) {
            self.type = type
            self.source = source
            self.destination = destination
            self.options = options
        }
    }

    /// A line of `/etc/hosts`.
    package struct Host: Hashable, Sendable {
        package var name: String
        package var address: String

        package init(name: String, address: String) {
            self.name = name
            self.address = address
        }
    }

    /// In place of the image's, when it is not empty.
    package var entrypoint: [String] = []
    /// In place of the image's command, when it is not empty.
    package var arguments: [String] = []
    /// `NAME=VALUE` each; the last one with a name counts, also before the image's.
    package var environment: [String] = []
    /// `user`, `uid`, `user:group` or `uid:gid`.
    package var user: String?
    package var workingDirectory: String?
    package var mounts: [Mount] = []
    /// Use the network of the machine; without it there is a loopback interface alone.
    package var usesHostNetwork = false
    package var hosts: [Host] = []
    /// Lines of `/etc/resolv.conf`.
    package var nameServers: [String] = []
    package var searchDomains: [String] = []
    package var resolverOptions: [String] = []
    /// The workload gets a terminal of its own, which is connected to that of standard input.
    package var usesTerminal = false
    /// The workload reads standard input.
    package var attachesInput = false
    /// End the workload after this time; `nil` to let it run until it is told to end.
    package var period: Duration? = .seconds(10)
    /// End the workload when a line of its standard output holds this.
    package var awaitedText: String?
    /// Take the profile although the workload failed.
    package var allowsFailure = false
    /// The program that makes containers; `nil` for `runc` or else `crun`.
    package var runtime: String?

    package init() {}
}
