import ArgumentParser
import Content
import OCI

/// Under which names a result is published.
struct DestinationOptions: ParsableArguments {
    @Option(
        name: .customLong("additional-tag"),
        help: ArgumentHelp("Publish under this tag as well, at every destination; repeat it.", valueName: "tag"))
    var additionalTags: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Put this behind the tag of every destination; without a destination, behind that of the source.",
            valueName: "suffix"))
    var tagSuffix: String?

    @Flag(help: "Fail where a tag of a destination stands for another image already.")
    var noClobber = false

    /// - Throws: a mistake of usage when nothing says where to.
    func checkPresence(of destinations: [String]) throws {
        guard !destinations.isEmpty || tagSuffix != nil else {
            throw ValidationError("expected at least one destination, or --tag-suffix")
        }
    }

    /// The places that the arguments name; that of the source when they name none.
    ///
    /// - Throws: when a location, a tag or a suffix is malformed.
    func locations(_ arguments: [String], source: ImageLocation) throws -> [ImageLocation] {
        guard let tagSuffix else { return try checked(try arguments.map(ImageLocation.init(parsing:))) }
        let locations = arguments.isEmpty ? [source] : try arguments.map(ImageLocation.init(parsing:))
        return try checked(try locations.map { try $0.appending(tagSuffix: tagSuffix) })
    }

    /// All names that will be written at these places.
    func names(at locations: [ImageLocation]) throws -> [ImageLocation] {
        try locations + locations.flatMap { location in try additionalTags.map(location.tagged) }
    }

    private func checked(_ locations: [ImageLocation]) throws -> [ImageLocation] {
        _ = try names(at: locations)
        return locations
    }
}
