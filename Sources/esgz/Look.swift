import Archive
import Content
import Inspection
import OCI
import SystemPackage
import Transports

/// One run of a command that looks into images: how they are reached, and what that costs.
struct Look {
    private let options: ReadingOptions
    /// The platform that was asked for.
    private let platform: Platform?
    private let network: Network
    private let temporaryDirectory: FilePath
    private let tally = TransferTally()

    /// - Throws: when certificates cannot be read, or temporary files cannot be made.
    init(_ options: ReadingOptions, platform: Platform? = nil) throws {
        self.options = options
        self.platform = platform
        temporaryDirectory = try options.work.temporaryDirectory()
        network = try options.access.connection.makeNetwork(
            transfers: options.work.jobs, ProgressRenderer(.none), tally: tally)
    }

    /// Runs `body`; says at its end what went over the network, if that was asked for.
    func run<Result>(_ body: () async throws -> Result) async throws -> Result {
        defer {
            if options.access.connection.network.verbose { Terminal.say(costText) }
        }
        return try await body()
    }

    private var costText: String {
        "\(tally.requests) request\(tally.requests == 1 ? "" : "s"), \(tally.received.byteCountText) received"
    }

    /// A place as typed.
    func source(_ text: String) throws -> (location: ImageLocation, source: any ImageSource) {
        let location = try ImageLocation(source: text)
        guard !location.isStandardStream || !options.access.credentials.credsStdin else {
            throw StandardInput.TakenTwice()
        }
        return (location, try location.openSource(try transport()))
    }

    private func transport() throws -> TransportOptions {
        try options.access.transport(network, temporaryDirectory: temporaryDirectory)
    }

    /// Reads the documents of one platform; layers are opened when something of them is asked for.
    ///
    /// - Parameters:
    ///   - text: the image as typed.
    ///   - platform: of the image; what the options say without one.
    ///   - pullsAll: whether layers are pulled and checked to their last byte.
    /// - Returns: the image.
    /// - Throws: when there is none, or several platforms to choose from.
    func open(_ text: String, platform: Platform? = nil, pullsAll: Bool = false) async throws -> LazyImage {
        let (location, source) = try source(text)
        let image = try await context(location.description) {
            try await PlatformImage(of: source, platform: platform ?? self.platform)
        }
        return try open(image, at: location, source, pullsAll: pullsAll)
    }

    func open(
        _ image: PlatformImage, at location: ImageLocation, _ source: any ImageSource, pullsAll: Bool = false
    ) throws -> LazyImage {
        var options = inspection
        options.pullsAll = pullsAll
        return LazyImage(image, from: source, tables: try tables(of: location), named: location.description, options)
    }

    /// Reads the documents of the image that another was converted from.
    ///
    /// - Parameters:
    ///   - text: the image as typed.
    ///   - image: what was made of it.
    /// - Returns: its manifest for the same platform.
    /// - Throws: when there is none.
    func original(_ text: String, of image: PlatformImage) async throws -> PlatformImage {
        let (location, source) = try source(text)
        return try await context(location.description) {
            try await PlatformImage(of: source, platform: platform ?? image.platform)
        }
    }

    /// The image with external tables of contents that stands beside one, where that has a tag.
    func tables(of location: ImageLocation) throws -> ExternalTables {
        let transport = try transport()
        return ExternalTables {
            // A place without a tag has nothing beside it.
            try (try? location.appending(tagSuffix: "-esgztoc"))?.openSource(transport)
        }
    }

    var inspection: InspectionOptions {
        var inspection = InspectionOptions(temporaryDirectory: temporaryDirectory)
        inspection.jobs = options.work.jobs
        inspection.layerLimit = options.limit.maxLayerSize.bytes
        let isQuiet = options.output.quiet
        inspection.notice = { event in
            // What is left out makes the result another one.
            if isQuiet, case .pulling = event { return }
            Terminal.say(event.text)
        }
        return inspection
    }

    /// The tree that was asked for: that of all layers, or that of one.
    func tree(of image: LazyImage) async throws -> MergedTree {
        let layer = try options.layerPosition(of: image.layerCount)
        let tree = if let layer { try await image.tree(ofLayer: layer) } else { try await image.tree() }
        if tree.omitted > 0 { Terminal.say("warning: \(image.name): \(Self.text(ofOmitted: tree.omitted))") }
        return tree
    }

    private static func text(ofOmitted count: Int) -> String {
        "\(count) entr\(count == 1 ? "y is" : "ies are") left out: the paths of the directories above take more than "
            + "\(Int64(DirectoryBudget.limit).byteCountText)"
    }

    /// Finds what a path stands for in the tree that was asked for; see `LazyImage.find`.
    ///
    /// - Parameters:
    ///   - path: as typed.
    ///   - image: where it is looked for.
    ///   - name: that of the image, as typed.
    ///   - followsLast: whether a link at the end of the path is followed.
    /// - Returns: what is there.
    /// - Throws: `NoSuchPath` when nothing is there.
    func find(
        _ path: String, in image: LazyImage, named name: String, followsLast: Bool = true
    ) async throws -> (node: MergedTree.Node, tree: MergedTree) {
        let found: (node: MergedTree.Node?, tree: MergedTree)
        if let layer = try options.layerPosition(of: image.layerCount) {
            let tree = try await image.tree(ofLayer: layer)
            found = (tree.resolve(Array(path.utf8), followsLast: followsLast).node, tree)
        } else {
            found = try await image.find(path, followsLast: followsLast)
        }
        guard let node = found.node else {
            if found.tree.omitted > 0 {
                Terminal.say("warning: \(image.name): \(Self.text(ofOmitted: found.tree.omitted))")
            }
            throw NoSuchPath(path: path, image: name)
        }
        return (node, found.tree)
    }
}

/// Nothing has this path in the image.
struct NoSuchPath: Failure {
    let path: String
    let image: String

    var kind: FailureKind { .notFound }
    var description: String { "\(path.printable): no such file or directory in \(image.printable)" }
}

extension InspectionEvent {
    var text: String {
        switch self {
        case .pulling(let layer, let descriptor, let reason):
            "layer \(layer) (\(descriptor.digest.short)) is pulled as a whole, \(descriptor.size.byteCountText): "
                + reason.printable
        case .skipping(let layer, let descriptor, let reason):
            "layer \(layer) (\(descriptor.digest.short)) is left out: \(reason.printable)"
        }
    }
}
