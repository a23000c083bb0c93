import Content
import Conversion
import EStargz
import OCI
import Profiles

extension ProfileCheckReport {
    /// Seconds that the snapshotter waits by default until a layer is prefetched (`fs/layer/layer.go`,
    /// "defaultPrefetchTimeoutSec").
    fileprivate static let patience = 10.0

    func json(bandwidth: Int64) -> JSON {
        JSON(["images": .array(images.map { $0.json(bandwidth: bandwidth) })])
    }

    /// - Throws: when something is missing, or prefetching takes too long.
    func demandFit(bandwidth: Int64) throws {
        for image in images {
            guard image.missing.isEmpty else {
                throw ProfileFailure.missing(image.missing.count, names: image.missing.first ?? "")
            }
            let seconds = image.seconds(bandwidth: bandwidth)
            guard seconds <= Self.patience else { throw SlowPrefetch(seconds: seconds) }
        }
    }
}

/// A profile names more than can be fetched while the snapshotter waits.
private struct SlowPrefetch: Failure {
    let seconds: Double

    var kind: FailureKind { .limit }
    var description: String {
        "prefetching takes \(seconds.tenths) s, longer than the 10 s that the snapshotter waits; shorten the profile"
    }
}

extension ProfileCheckReport.Image {
    fileprivate func seconds(bandwidth: Int64) -> Double { Double(prefetchSize) / Double(bandwidth) }

    /// Of the image's compressed bytes, in thousandths.
    private var permille: Int64 { size == 0 ? 0 : Int64((Double(prefetchSize) / Double(size) * 1000).rounded()) }

    fileprivate func json(bandwidth: Int64) -> JSON {
        var json = JSON(["manifest": .string(manifest.description)])
        json["platform"] = platform.map { .string($0.description) }
        json["found"] = .integer(found)
        json["missing"] = .array(missing.map(JSON.string))
        json["layers"] = .array(
            layers.map { layer in
                JSON([
                    "digest": .string(layer.digest.description), "size": .integer(layer.size),
                    "entries": .integer(layer.prefetch.entries), "bytes": .integer(layer.prefetch.contentSize),
                    "prefetch": .integer(layer.prefetch.size),
                ])
            })
        json["size"] = .integer(size)
        json["prefetch"] = .integer(prefetchSize)
        json["permille"] = .integer(permille)
        json["milliseconds"] = .integer(Int64((seconds(bandwidth: bandwidth) * 1000).rounded()))
        json["fits"] = .bool(seconds(bandwidth: bandwidth) <= ProfileCheckReport.patience)
        return json
    }

    func text(bandwidth: Int64) -> String {
        var lines = [[platform?.description, manifest.description].compactMap(\.self).joined(separator: " ")]
        lines.append("  found     \(found) of \(found + missing.count)")
        lines += missing.enumerated().map { ($0 == 0 ? "  missing   " : "            ") + $1.printable }
        for (number, layer) in layers.enumerated() {
            let prefetch = layer.prefetch
            lines.append(
                "  layer     \(number + 1)/\(layers.count) \(layer.digest.short): "
                    + (prefetch.entries == 0
                        ? "nothing"
                        : "\(prefetch.entries) \(prefetch.entries == 1 ? "entry" : "entries") with \(prefetch.contentSize.byteCountText), "
                            + "\(prefetch.size.byteCountText) compressed of \(layer.size.byteCountText)"))
        }
        let seconds = seconds(bandwidth: bandwidth)
        lines.append(
            "  prefetch  \(prefetchSize.byteCountText), \(permille / 10).\(permille % 10) % of the image, "
                + "\(seconds.tenths) s at \(bandwidth.byteCountText)/s: "
                + (seconds <= ProfileCheckReport.patience ? "within" : "longer than")
                + " the 10 s that the snapshotter waits")
        return lines.joined(separator: "\n")
    }
}

extension Double {
    /// With one digit behind the point; large numbers, which have no use for it, do not overflow.
    fileprivate var tenths: String {
        let tenths = Int64(Swift.min((self * 10).rounded(), 1e15))
        return "\(tenths / 10).\(tenths % 10)"
    }
}
