import Content

extension ImageConfiguration {
    /// What a container of the image runs, and how (OCI image specification, config.md, "config").
    package struct Workload: Hashable, Sendable {
        /// Comes before `command`.
        package var entrypoint: [String]
        package var command: [String]
        /// `NAME=VALUE` each.
        package var environment: [String]
        /// As written; empty for the root.
        package var workingDirectory: String
        /// `user`, `uid`, `user:group`, `uid:gid`, or empty for root.
        package var user: String
        /// A name or number; `nil` for SIGTERM.
        package var stopSignal: String?

        /// The program and its arguments; empty when the image does not say what to run.
        package var arguments: [String] { entrypoint + command }
    }

    /// Fields that are missing or of the wrong type count as empty, as runtimes take them.
    package var workload: Workload {
        let config = document.root["config"]
        func strings(_ key: String) -> [String] { config?[key]?.array?.compactMap(\.string) ?? [] }
        return Workload(
            entrypoint: strings("Entrypoint"), command: strings("Cmd"), environment: strings("Env"),
            workingDirectory: config?["WorkingDir"]?.string ?? "", user: config?["User"]?.string ?? "",
            stopSignal: config?["StopSignal"]?.string)
    }
}
