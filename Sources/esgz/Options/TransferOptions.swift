import ArgumentParser

/// Which image goes where, and how: what all commands that move images have in common.
struct TransferOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The image to read.", valueName: "src"))
    var source: String

    @Argument(help: ArgumentHelp("Where the result goes; several places get the same bytes.", valueName: "dst"))
    var destinations: [String] = []

    @OptionGroup(title: "Destination options") var naming: DestinationOptions
    @OptionGroup(title: "Platform options") var platform: PlatformOptions
    @OptionGroup(title: "Registry options") var registry: RegistryOptions
    @OptionGroup(title: "Work options") var work: WorkOptions
    @OptionGroup(title: "Output options") var output: OutputOptions

    func validate() throws {
        try naming.checkPresence(of: destinations)
    }
}
