import OCI

/// The platforms that were asked for, and those that have turned up on the way through an image.
package struct PlatformSelection: Sendable {
    /// All platforms when empty.
    package let wanted: [Platform]
    package private(set) var found: [Platform] = []
    /// Something turned up that says nothing of its platform, and may be for any.
    private var hasUnknown = false

    package init(_ wanted: [Platform]) {
        self.wanted = wanted
    }

    /// Notes the platform of an image; `nil` where neither index nor configuration names one.
    package mutating func note(_ platform: Platform?) {
        if let platform { found.append(platform) } else { hasUnknown = true }
    }

    /// Notes what an index says of the images in it.
    package mutating func note(imagesOf index: Index) {
        found += index.manifests.filter { !$0.isAttestation && !$0.mediaType.isIndex }.compactMap(\.platform)
    }

    package func includes(_ platform: Platform) -> Bool {
        wanted.isEmpty || wanted.contains { $0.matches(platform) }
    }

    /// - Throws: when something that was asked for by name has not turned up.
    package func check() throws {
        let missing = wanted.filter { wish in !found.contains { wish.matches($0) } }
        guard missing.isEmpty || hasUnknown else {
            throw ImageTreeFailure.noPlatform(wanted: missing, found: found)
        }
    }
}
