import ArgumentParser
import OCI
import Profiles

/// `esgz optimize SRC DST…`
struct Optimize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rewrite an image as eStargz, what its workload needs first in front.",
        discussion: Places.help)

    @Flag(
        name: .customLong("static"),
        help: "Put first what the image alone tells that its workload opens; the default.")
    var isStatic = false

    @Flag(
        name: .customLong("run"),
        help: "Run the workload, and put first what it opens; needs root, and runc or crun.")
    var runsWorkload = false

    @Flag(help: "Put nothing first, as esgz convert does.")
    var noOptimize = false

    @OptionGroup(title: "Recording options") var recording: RecordingOptions

    @OptionGroup var conversion: ConversionOptions

    func validate() throws {
        let ways = [
            ("--profile", conversion.profile.file != nil), ("--static", isStatic), ("--run", runsWorkload),
            ("--no-optimize", noOptimize),
        ]
        let given = ways.filter { $0.1 }.map(\.0)
        guard given.count <= 1 else {
            throw ValidationError("\(given.joined(separator: " and ")) exclude each other")
        }
        if !runsWorkload, let option = recording.firstGiven {
            throw ValidationError("\(option): expected --run as well")
        }
    }

    func run() async throws {
        try await conversion.run(try profiler())
    }

    /// What says which files come first.
    private func profiler() throws -> (any Profiler)? {
        if noOptimize { return nil }
        if let profile = try conversion.givenProfile() { return profile }
        guard runsWorkload else {
            if !isStatic, !conversion.transfer.output.quiet {
                Terminal.say("neither --profile nor --run was given: the image alone tells what comes first (--static)")
            }
            return StaticProfiler()
        }
        let readsImage = try ImageLocation(source: conversion.transfer.source).isStandardStream
        guard !recording.attachesInput || !(readsImage || conversion.transfer.registry.usesStandardInput) else {
            throw RecordingOptions.TakenTwice()
        }
        return try recording.recorder(
            temporaryDirectory: try conversion.transfer.work.temporaryDirectory(),
            isQuiet: conversion.transfer.output.quiet)
    }
}
