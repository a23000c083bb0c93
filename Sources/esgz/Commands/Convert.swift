import ArgumentParser

/// `esgz convert SRC DST…`
struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rewrite every layer of an image as eStargz.",
        discussion: Places.help)

    @OptionGroup var conversion: ConversionOptions

    func run() async throws {
        try await conversion.run(try conversion.givenProfile())
    }
}
