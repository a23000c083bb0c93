import Archive
import Content
import EStargz
import OCI

/// What a layer is, as far as its descriptor and its table of contents tell.
package struct LayerSummary: Sendable {
    /// Counted from 1 at the bottom.
    package let number: Int
    package let descriptor: Descriptor
    package let diffID: Digest
    /// `nil` for a layer that cannot be read lazily.
    package let reader: LayerReader?
    /// Why it cannot.
    package let reason: String?

    /// Bytes of the layer that it was converted from; `nil` when that is not known.
    package var sourceSize: Int64?
    package var growth: Growth? { sourceSize.flatMap { Growth(from: $0, to: descriptor.size) } }

    /// Why it cannot, without its number.
    package var lackOfTable: String? {
        reason.map { reason in
            let place = "layer \(number) (\(descriptor.digest.short)): "
            return reason.hasPrefix(place) ? String(reason.dropFirst(place.count)) : reason
        }
    }

    /// Bytes of the tar, as an annotation says.
    package var inflatedSize: Int64? { descriptor.annotation(Annotation.uncompressedSize).flatMap { Int64($0) } }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["number"] = .integer(number)
        json["digest"] = .string(descriptor.digest.description)
        json["mediaType"] = .string(descriptor.mediaType.text)
        json["size"] = .integer(descriptor.size)
        json["sourceSize"] = sourceSize.map(JSON.integer)
        json["growth"] = growth?.json
        json["inflatedSize"] = inflatedSize.map(JSON.integer)
        json["diffID"] = .string(diffID.description)
        json["lazy"] = .bool(reader != nil)
        json["format"] = reader.map { .string($0.format.rawValue) }
        json["reason"] = reason.map(JSON.string)
        if let reader {
            json["tocDigest"] = .string(reader.tocDigest.description)
            json["tocSize"] = .integer(reader.tocSize)
            json["tocTextSize"] = .integer(reader.tocTextSize)
            json["entries"] = .integer(reader.table.entries.count)
            json["files"] = .integer(reader.table.fileCount)
            json["chunks"] = .integer(reader.table.chunks.count)
            json["landmark"] = reader.table.landmark.map { .string($0.name.rawValue) }
            json["prefetchSize"] = reader.table.landmark.map { .integer($0.prefetchEnd) }
        }
        json["annotations"] = descriptor.json["annotations"]
        return json
    }
}

extension TableOfContents {
    /// Regular files, landmarks left out.
    package var fileCount: Int {
        entries.count { entry in
            if case .regular = entry.kind { !SpecialEntry.paths.contains(entry.path) } else { false }
        }
    }
}

extension LazyImage {
    /// What a layer is; pulls nothing.
    ///
    /// - Parameter number: counts from the bottom, which is 0.
    /// - Returns: what is known of it.
    /// - Throws: when it cannot be asked for.
    package func summary(ofLayer number: Int) async throws -> LayerSummary {
        let descriptor = image.manifest.layers[number]
        var (reader, reason): (LayerReader?, String?)
        switch descriptor.mediaType.layerKind {
        case .tar:
            (reader, reason) = try await context("layer \(number + 1) (\(descriptor.digest.short))") {
                do {
                    return (try await opener.read(descriptor), nil)
                } catch let failure as any Failure where failure.isOfTheFormat {
                    return (nil, failure.description)
                }
            }
        case .foreign: reason = "foreign layers may not be distributed"
        case .other: reason = "\(descriptor.mediaType) is no file system"
        }
        return LayerSummary(
            number: number + 1, descriptor: descriptor, diffID: image.configuration.diffIDs[number], reader: reader,
            reason: reason)
    }
}
