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
    package let table: Contents?
    /// Why it cannot.
    package let reason: String?

    /// What a table of contents says of its layer, without the table: images have many layers, and tables are large.
    package struct Contents: Sendable {
        package let format: LayerFormat
        /// Of its text.
        package let digest: Digest
        /// Bytes, compressed.
        package let size: Int64
        /// Bytes of its text.
        package let textSize: Int64
        package let entryCount: Int
        package let fileCount: Int
        package let chunkCount: Int
        package let landmark: (name: SpecialEntry, prefetchEnd: Int64)?

        init(_ reader: LayerReader) {
            format = reader.format
            digest = reader.tocDigest
            size = reader.tocSize
            textSize = reader.tocTextSize
            entryCount = reader.table.entries.count
            fileCount = reader.table.fileCount
            chunkCount = reader.table.chunks.count
            landmark = reader.table.landmark
        }
    }

    /// Bytes of the layer that it was converted from; `nil` when that is not known.
    package var sourceSize: Int64?
    package var growth: Growth? { sourceSize.flatMap { Growth(from: $0, to: descriptor.size) } }

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
        json["lazy"] = .bool(table != nil)
        json["format"] = table.map { .string($0.format.rawValue) }
        json["reason"] = reason.map(JSON.string)
        if let table {
            json["tocDigest"] = .string(table.digest.description)
            json["tocSize"] = .integer(table.size)
            json["tocTextSize"] = .integer(table.textSize)
            json["entries"] = .integer(table.entryCount)
            json["files"] = .integer(table.fileCount)
            json["chunks"] = .integer(table.chunkCount)
            json["landmark"] = table.landmark.map { .string($0.name.rawValue) }
            json["prefetchSize"] = table.landmark.map { .integer($0.prefetchEnd) }
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
    /// A layer with its table of contents; pulls nothing.
    ///
    /// - Parameter number: counts from the bottom, which is 0.
    /// - Returns: the layer, or why it cannot be read lazily.
    /// - Throws: when it cannot be asked for.
    package func reader(ofLayer number: Int) async throws -> Result<LayerReader, NoReader> {
        let descriptor = image.manifest.layers[number]
        switch descriptor.mediaType.layerKind {
        case .tar:
            return try await context("layer \(number + 1) (\(descriptor.digest.short))") {
                do {
                    return .success(try await opener.read(descriptor))
                } catch let failure as any Failure where failure.isOfTheFormat {
                    return .failure(NoReader(reason: failure.description))
                }
            }
        case .foreign: return .failure(NoReader(reason: "foreign layers may not be distributed"))
        case .other: return .failure(NoReader(reason: "\(descriptor.mediaType) is no file system"))
        }
    }

    /// What a layer is; pulls nothing.
    ///
    /// - Parameter number: counts from the bottom, which is 0.
    /// - Returns: what is known of it.
    /// - Throws: when it cannot be asked for.
    package func summary(ofLayer number: Int) async throws -> LayerSummary {
        LayerSummary(
            number: number + 1, descriptor: image.manifest.layers[number], diffID: image.configuration.diffIDs[number],
            try await reader(ofLayer: number))
    }
}

/// A layer cannot be read lazily.
package struct NoReader: Error {
    package let reason: String
}

extension LayerSummary {
    fileprivate init(number: Int, descriptor: Descriptor, diffID: Digest, _ reader: Result<LayerReader, NoReader>) {
        self.number = number
        self.descriptor = descriptor
        self.diffID = diffID
        switch reader {
        case .success(let reader): (table, reason) = (Contents(reader), nil)
        case .failure(let lack): (table, reason) = (nil, lack.reason)
        }
    }
}
