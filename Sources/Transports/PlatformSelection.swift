import OCI

/// The platforms that were asked for, and those that have turned up on the way through an image.
package struct PlatformSelection: Sendable {
    /// All platforms when empty.
    package let wanted: [Platform]
    /// Each once, and no more than anybody would read: what an index names is what a message repeats.
    package private(set) var found: [Platform] = []
    private static let foundLimit = 100
    private var missing: [Platform]
    /// Something turned up that says nothing of its platform, and may be for any.
    private var hasUnknown = false

    package init(_ wanted: [Platform]) {
        self.wanted = wanted
        missing = wanted
    }

    /// Notes the platform of an image; `nil` where neither index nor configuration names one.
    package mutating func note(_ platform: Platform?) {
        guard let platform else { return hasUnknown = true }
        missing.removeAll { $0.matches(platform) }
        if found.count < Self.foundLimit, !found.contains(platform) { found.append(platform) }
    }

    /// Notes what an index says of the images in it.
    package mutating func note(imagesOf index: Index) {
        for image in index.manifests where !image.isAttestation && !image.mediaType.isIndex {
            if let platform = image.platform { note(platform) }
        }
    }

    package func includes(_ platform: Platform) -> Bool {
        wanted.isEmpty || wanted.contains { $0.matches(platform) }
    }

    /// - Throws: when something that was asked for by name has not turned up.
    package func check() throws {
        guard missing.isEmpty || hasUnknown else {
            throw ImageTreeFailure.noPlatform(wanted: missing, found: found)
        }
    }
}
