import Content
import OCI

/// A place an image can be read from.
package protocol ImageSource: Sendable {
    /// The index or manifest that the location names.
    ///
    /// - Throws: a failure of kind `.notFound` when there is none.
    func resolve() async throws -> Descriptor

    /// A manifest, index or configuration, checked against size and digest of its descriptor.
    func document(_ descriptor: Descriptor) async throws -> Document

    /// Hands `body` the bytes of a blob, which may still be arriving while it runs.
    ///
    /// Nothing is checked yet: whoever reads must compare size and digest with the descriptor before publishing
    /// anything made from it. When `body` ends, so does the transfer. When `body` finds the blob malformed, and it is not
    /// what the descriptor says, it may run again with bytes that were fetched anew.
    /// `progress` is called with the number of bytes of each piece that arrived; never for local files.
    func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result

    /// Opens a blob for reading in parts, without fetching it.
    ///
    /// Nothing is checked: whoever reads must know the digest of each part.
    /// - Throws: when the place does not have the blob, as far as that can be told without asking anybody.
    func open(_ descriptor: Descriptor) async throws -> any RandomAccess

    /// Whether the place is known not to have a blob although it names it: archives and layouts may hold one platform of
    /// an index. Places that would have to ask somebody say no.
    func isAbsent(_ descriptor: Descriptor) async throws -> Bool

    /// What a place across a network makes of reading a blob the way the Stargz Snapshotter does; nothing of others.
    ///
    /// Asks for a few hundred bytes in four to six requests.
    /// - Throws: when the place cannot be reached, or answers with an error that may be gone later.
    func probe(_ descriptor: Descriptor) async throws -> [ProbeReport.Finding]
}

extension ImageSource {
    package func isAbsent(_ descriptor: Descriptor) async throws -> Bool { false }

    package func probe(_ descriptor: Descriptor) async throws -> [ProbeReport.Finding] { [] }
}
