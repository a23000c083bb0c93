import Content

/// The configuration of an image (OCI image specification, config.md).
package struct ImageConfiguration: Sendable {
    package let document: Document
    /// Digests of the uncompressed layers, bottom first.
    package let diffIDs: [Digest]

    package init(_ document: Document) throws {
        guard let diffIDs = document.root["rootfs"]?["diff_ids"]?.array else {
            throw DocumentFailure.missing("rootfs.diff_ids")
        }
        self.document = document
        self.diffIDs = try diffIDs.map { json in
            guard let text = json.string else { throw DocumentFailure.missing("rootfs.diff_ids") }
            return try Digest(parsing: text)
        }
    }

    package var platform: Platform? { Platform(document.root) }

    /// The configuration with other layers, position by position; everything else stays.
    package func replacing(diffIDs: [Digest]) -> Document {
        document.editing { root in
            guard diffIDs != self.diffIDs else { return }
            root["rootfs"]?["diff_ids"] = .array(diffIDs.map { .string($0.description) })
        }
    }
}
