import ArgumentParser

/// `esgz profile …`
struct ProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Make, read, merge and judge profiles: which files a workload needs first.",
        discussion: """
            A profile is what ctr-remote records, a list of paths and patterns, a prefetch list of SOCI or Nydus, the \
            output of strace -f -e trace=file, or an access log of the stargz snapshotter.
            """,
        subcommands: [
            ProfileStatic.self, ProfileRecord.self, ProfileConvert.self, ProfileMerge.self, ProfileShow.self,
            ProfileCheckCommand.self,
        ])
}
