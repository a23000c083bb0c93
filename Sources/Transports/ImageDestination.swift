import Content
import OCI

/// A place an image can be written to. Content first, `publish` last.
package protocol ImageDestination: Sendable {
    /// Says how many images of different platforms will come, before the first blob does.
    ///
    /// - Throws: when the place has no room for so many, or is none for images.
    func expect(platforms count: Int) async throws

    /// Looks whether anything may be written there, before the work that would be lost.
    func checkAccess() async throws

    /// Whether the blob is there, possibly because it could be taken over from `source` without moving a byte.
    ///
    /// Registries mount it from another of their repositories.
    func contains(_ descriptor: Descriptor, mountingFrom source: (any ImageSource)?) async throws -> Bool

    /// Whether a manifest is there with everything that it leads to; `false` where that is not certain.
    ///
    /// Registries take a manifest only after what it names, so they need not be asked for each blob.
    func containsAll(of manifest: Descriptor) async throws -> Bool

    /// Writes a blob. Success means that the content is there, not that this call put it there.
    ///
    /// `blob` is all of the content; nothing may be on its way any more. `progress` is called with the number of bytes of
    /// each piece that left, once for each byte however often it has to be sent.
    func put(_ blob: any ByteSource, as descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void)
        async throws

    /// Writes a manifest or index under its digest, so that others can refer to it.
    func put(manifest: Document, as descriptor: Descriptor) async throws

    /// Makes the image visible under all names of this destination; until then readers see the old one.
    func publish(_ root: Document, as descriptor: Descriptor) async throws

    /// Those names of this destination that already stand for something.
    func occupants() async throws -> [Occupant]
}

extension ImageDestination {
    package func expect(platforms count: Int) async throws {}

    package func checkAccess() async throws {}

    /// In files, others may have left a manifest without its blobs, and a look at each is cheap.
    package func containsAll(of manifest: Descriptor) async throws -> Bool { false }
}

/// What publishing would replace.
package struct Occupant: Hashable, Sendable {
    /// A tag or a file, for people.
    package let name: String
    /// The manifest or index that the name stands for; `nil` where that cannot be told cheaply.
    package let digest: Digest?

    package init(name: String, digest: Digest?) {
        self.name = name
        self.digest = digest
    }
}
