import ArgumentParser
import Content
import Conversion
import OCI

/// `esgz copy SRC DST…`, also called `push` and `pull`
struct Copy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy an image as it is, from any place to any other.",
        discussion: "No byte and no digest changes. " + Places.help,
        aliases: ["push", "pull"])

    @OptionGroup var transfer: TransferOptions

    func run() async throws {
        let renderer = transfer.output.makeRenderer(isDryRun: false)
        let places = try Places(transfer, renderer)
        if let same = places.destinations.first(where: { $0.isSameArchive(as: places.source) }) {
            throw CopyFailure.wouldReplaceArchive(same)
        }
        var request = CopyRequest()
        request.platforms = try transfer.platform.platforms
        request.jobs = transfer.work.jobs
        request.refusesToReplace = transfer.naming.noClobber
        let report = try await renderer.whileRunning { [request] events in
            try await context(places.source.description) {
                try await ImageCopy(
                    request, from: try places.openSource(), to: try places.openDestinations(), events: events
                ).run()
            }
        }
        try transfer.output.show(report)
    }
}
