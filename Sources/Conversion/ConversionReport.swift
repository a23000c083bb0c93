import Content
import OCI
import Profiles

/// What was done to one layer.
package struct LayerReport: Sendable {
    package enum Action: String, Sendable {
        /// Rewritten as eStargz.
        case convert
        /// Read from beginning to end, to be converted when it is known what comes first in it.
        case read
        /// Taken over unchanged, since it holds no file system.
        case copy
        /// Taken over unchanged, since no table of contents could tell what it holds.
        case keep
        /// Left where it is: it may not be distributed.
        case skip
        /// Found at every destination.
        case exists
    }

    package let action: Action
    package let source: Descriptor
    /// The layer in the result; `nil` in a dry run.
    package let result: Descriptor?
    /// Why the layer stays as it is.
    package let reason: String?
    /// Bytes of the result that a runtime prefetches; `nil` where a profile names nothing.
    package var prefetchSize: Int64?

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["action"] = .string(action.rawValue)
        json["source"] = source.summary
        json["result"] = result?.summary
        json["reason"] = reason.map(JSON.string)
        json["prefetch"] = prefetchSize.map { .integer($0) }
        return json
    }
}

/// What a conversion has made, and where it went.
package struct ConversionReport: Sendable {
    /// How it went at one destination.
    package struct Delivery: Sendable {
        package let location: ImageLocation
        package let failure: (any Error)?
    }

    package let source: Descriptor
    /// The new manifest or index; `nil` in a dry run.
    package let result: Descriptor?
    /// Distinct layers in the order in which the image names them.
    package let layers: [LayerReport]
    package let deliveries: [Delivery]
    /// What was put first, with its places in the source, of all platforms one after the other.
    package var profile = Profile()
    package let warnings: [String]

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["digest"] = (result?.digest.description).map(JSON.string)
        json["source"] = source.summary
        json["result"] = result?.summary
        json["layers"] = .array(layers.map(\.json))
        json["destinations"] = .array(
            deliveries.map { delivery in
                var json = JSON.object(JSON.Object())
                json["location"] = .string(delivery.location.description)
                json["error"] = delivery.failure.map { .string(String(describing: $0)) }
                return json
            })
        json["warnings"] = .array(warnings.map(JSON.string))
        return json
    }
}

extension Descriptor {
    /// Type, digest and size alone, with the annotations of a layer.
    fileprivate var summary: JSON {
        var summary = Descriptor(mediaType: mediaType, digest: digest, size: size).json
        summary["annotations"] = json["annotations"]
        return summary
    }
}
