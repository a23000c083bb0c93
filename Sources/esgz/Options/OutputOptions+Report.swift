import Content
import Conversion
import OCI

extension OutputOptions {
    /// Prints the digest, or all that is known, and says on stderr which destinations failed.
    ///
    /// - Throws: what decides the exit status when a destination failed.
    func show(_ report: ConversionReport) throws {
        let besidesArchive = report.deliveries.contains { $0.location.isStandardStream }
        if let digest = report.result?.digest { try write(digest) }
        if json {
            try Terminal.show(report.json.shownText, besidesArchive: besidesArchive)
        } else if let digest = report.result?.digest {
            try Terminal.show(digest.description, besidesArchive: besidesArchive)
        } else {
            for layer in report.layers {
                try Terminal.show("\(layer.source.digest) \(layer.text)", besidesArchive: besidesArchive)
            }
        }
        let failures = report.deliveries.compactMap(\.failure)
        for failure in failures { Terminal.say("error: \("\(failure)".printable)") }
        if let first = failures.first { throw ReportedFailure(status: ExitStatus(first)) }
    }
}
