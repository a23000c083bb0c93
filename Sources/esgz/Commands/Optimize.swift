import ArgumentParser
import Profiles

/// `esgz optimize SRC DST…`
struct Optimize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rewrite an image as eStargz, what its workload needs first in front.",
        discussion: Places.help)

    @OptionGroup var conversion: ConversionOptions

    func validate() throws {
        guard conversion.profile.file != nil else { throw ValidationError("expected --profile FILE") }
    }

    func run() async throws {
        try await conversion.run(try profiler())
    }

    /// What says which files come first.
    private func profiler() throws -> (any Profiler)? {
        try conversion.profile.given
    }
}
