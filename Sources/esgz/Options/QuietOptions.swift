import ArgumentParser

/// Whether those commands say what they are about that look, and change nothing.
struct QuietOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Do not tell what is pulled as a whole; warnings and errors are still shown.")
    var quiet = false
}
