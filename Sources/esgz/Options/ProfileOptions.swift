import ArgumentParser
import Profiles
import SystemPackage

/// Which files of an image come first. Two of the names are those of ctr-remote and nerdctl.
struct ProfileOptions: ParsableArguments {
    @Option(
        name: [.customLong("profile"), .customLong("estargz-record-in"), .customLong("prefetch-list")],
        help: ArgumentHelp(
            "Put the files that this profile names first, to be prefetched; - for stdin.", valueName: "file"))
    var file: String?

    @OptionGroup var format: ProfileFormatOptions

    @Option(
        help: ArgumentHelp(
            "Write what was put first to this file, as ctr-remote writes its records.", valueName: "file"))
    var recordOut: String?

    func validate() throws {
        try recordOut.map { try OutputOptions.checkWritable($0, option: "--record-out") }
    }

    /// The profile that was named, if one was.
    ///
    /// - Throws: when it cannot be read, is malformed, or names nothing although that was to be strict.
    func given(isStrict: Bool) throws -> Profile? {
        try file.map { try format.profileToApply($0, isStrict: isStrict) }
    }

    /// Writes what was put first, if asked for.
    func write(_ profile: Profile) throws {
        guard let recordOut else { return }
        try ProfileFile.write(profile.recordText, to: FilePath(recordOut))
    }
}
