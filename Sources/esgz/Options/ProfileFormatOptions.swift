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

    /// The profile in a file that is going to be looked up in an image; one that names nothing is hardly meant.
    ///
    /// - Parameters:
    ///   - file: where it is; `-` is stdin.
    ///   - isStrict: whether a profile that names nothing is a failure, in place of a warning.
    /// - Returns: the profile.
    /// - Throws: when it cannot be read, is malformed, or names nothing.
    func profileToApply(_ file: String, isStrict: Bool = false) throws -> Profile {
        let profile = try profile(file)
        if profile.entries.isEmpty {
            guard !isStrict else { throw ProfileFailure.empty }
            Terminal.say("warning: \(ProfileFailure.empty)")
        }
        return profile
    }
}

extension ProfileFormat: ExpressibleByArgument {}
