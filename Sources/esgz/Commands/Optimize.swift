import ArgumentParser
import OCI
import Profiles

/// `esgz optimize SRC DST…`
struct Optimize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rewrite an image as eStargz, what its workload needs first in front.",
        discussion: Places.help)

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
            ("--profile", conversion.profile.file != nil), ("--run", runsWorkload), ("--no-optimize", noOptimize),
        ]
        let given = ways.filter { $0.1 }.map(\.0)
        guard given.count <= 1 else {
            throw ValidationError("\(given.joined(separator: " and ")) exclude each other")
        }
        if !runsWorkload, let option = recording.firstGiven {
            throw ValidationError("\(option): expected --run as well")
        }
        guard given.count == 1 else { throw ValidationError("expected --run or --profile FILE") }
    }

    func run() async throws {
        try await conversion.run(try profiler())
    }

    /// What says which files come first.
    private func profiler() throws -> (any Profiler)? {
        guard runsWorkload else { return try conversion.profile.given }
        let readsImage = try ImageLocation(parsing: conversion.source).isStandardStream
        guard !recording.attachesInput || !(readsImage || conversion.registry.usesStandardInput) else {
            throw RecordingOptions.TakenTwice()
        }
        return try recording.recorder(
            temporaryDirectory: try conversion.work.temporaryDirectory(), isQuiet: conversion.output.quiet)
    }
}
