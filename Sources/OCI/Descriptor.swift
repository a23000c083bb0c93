import Content

/// A reference to content by digest, with its size and type (OCI image specification, descriptor.md).
package struct Descriptor: Hashable, Sendable {
    package var mediaType: MediaType
    package var digest: Digest
    /// Bytes of the blob.
    package var size: Int64
    /// As written, with everything that `esgz` does not know.
    package var json: JSON

    package init(mediaType: MediaType, digest: Digest, size: Int64) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        var object = JSON.Object()
        object["mediaType"] = .string(mediaType.text)
        object["digest"] = .string(digest.description)
        object["size"] = .integer(size)
        json = .object(object)
    }

    /// - Throws: when a required field is missing or malformed, or the size is negative.
    package init(_ json: JSON) throws {
        guard let mediaType = json["mediaType"]?.string, !mediaType.isEmpty else {
            throw DocumentFailure.missing("mediaType")
        }
        guard let digest = json["digest"]?.string else { throw DocumentFailure.missing("digest") }
        guard let size = json["size"]?.integer else { throw DocumentFailure.missing("size") }
        guard size >= 0 else { throw DocumentFailure.negativeSize(size) }
        self.mediaType = MediaType(mediaType)
        self.digest = try Digest(parsing: digest)
        self.size = size
        self.json = json
    }

    package var platform: Platform? { Platform(json["platform"]) }

    package func annotation(_ key: String) -> String? { json["annotations"]?[key]?.string }

    /// The same descriptor for other content; unknown fields, platform and annotations stay.
    package func replacing(mediaType: MediaType, digest: Digest, size: Int64) -> Descriptor {
        var result = self
        result.mediaType = mediaType
        result.digest = digest
        result.size = size
        result.json["mediaType"] = .string(mediaType.text)
        result.json["digest"] = .string(digest.description)
        result.json["size"] = .integer(size)
        // `data` holds the old content itself.
        result.json["data"] = nil
        return result
    }

    /// Removes and sets annotations; the rest keep their order. An empty set of annotations is left out.
    package mutating func editAnnotations(_ edit: (inout JSON.Object) -> Void) {
        var annotations = json["annotations"]?.object ?? JSON.Object()
        edit(&annotations)
        json["annotations"] = annotations.members.isEmpty ? nil : .object(annotations)
    }
}
