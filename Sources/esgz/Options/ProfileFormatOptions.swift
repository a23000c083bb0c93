import ArgumentParser
import Profiles

/// How profiles are written that are read.
struct ProfileFormatOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read profiles as record, list, soci, nydus, strace or log. (default: told by their content)",
            valueName: "format"))
    var profileFormat: ProfileFormat?

    /// The profile in a file; `-` is stdin.
    ///
    /// - Throws: when it cannot be read, or is malformed.
    func profile(_ file: String) throws -> Profile {
        let bytes = try ProfileFile.read(file)
        return try (profileFormat ?? ProfileFormat(detecting: bytes)).profile(bytes, from: file)
    }
}

extension ProfileFormat: ExpressibleByArgument {}
