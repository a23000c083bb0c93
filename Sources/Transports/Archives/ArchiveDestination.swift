import Content
import OCI
import Synchronization
import SystemPackage

/// An archive that is written as a whole once all of the image is there.
///
/// Blobs arrive in any order, and wait in unlinked files; the order in the archive is that of the image, so that the
/// same image gives the same bytes.
package final class ArchiveDestination: ImageDestination {
    private struct Blob {
        let bytes: any ByteSource
        let size: Int64
    }

    private let names: ArchiveNames
    private let temporaryDirectory: FilePath
    private let findOccupants: @Sendable () async throws -> [Occupant]
    private let deliver: @Sendable ([ArchiveMember]) async throws -> Void
    private let blobs = Mutex<[Digest: Blob]>([:])
    private let manifests = Mutex<[Digest: Document]>([:])

    /// Takes note of where the archive goes.
    ///
    /// - Throws: when nothing can be written there.
    package convenience init(_ place: ArchivePlace, _ names: ArchiveNames, temporaryDirectory: FilePath) throws {
        let output = ArchiveOutput(place: place)
        try output.check()
        self.init(names, temporaryDirectory: temporaryDirectory) {
            output.isOccupied ? [Occupant(name: "\(place)", digest: nil)] : []
        } deliver: { members in
            try await onCancellableThread { try output.write(members, $0) }
        }
    }

    init(
        _ names: ArchiveNames, temporaryDirectory: FilePath,
        occupants: @escaping @Sendable () async throws -> [Occupant],
        deliver: @escaping @Sendable ([ArchiveMember]) async throws -> Void
    ) {
        self.names = names
        self.temporaryDirectory = temporaryDirectory
        findOccupants = occupants
        self.deliver = deliver
    }

    package func expect(platforms count: Int) async throws {
        if case .docker = names, count > 1 { throw ArchiveContentFailure.platforms(count: count) }
    }

    package func contains(_ descriptor: Descriptor, mountingFrom source: (any ImageSource)?) async throws -> Bool {
        blobs.withLock { $0[descriptor.digest] != nil }
    }

    package func put(
        _ blob: any ByteSource, as descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void
    ) async throws {
        if try await contains(descriptor, mountingFrom: nil) { return }
        let kept = try await keep(blob, as: descriptor, progress: progress)
        blobs.withLock { $0[descriptor.digest] = Blob(bytes: kept, size: descriptor.size) }
    }

    package func put(manifest: Document, as descriptor: Descriptor) async throws {
        manifests.withLock { $0[descriptor.digest] = manifest }
        blobs.withLock { $0[descriptor.digest] = Blob(bytes: manifest, size: Int64(manifest.bytes.count)) }
    }

    package func publish(_ root: Document, as descriptor: Descriptor) async throws {
        try await put(manifest: root, as: descriptor)
        try await deliver(try members(below: descriptor))
    }

    package func occupants() async throws -> [Occupant] { try await findOccupants() }

    /// A source that stays readable: files do, downloads end with the one who makes them.
    private func keep(
        _ blob: any ByteSource, as descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void
    ) async throws -> any ByteSource {
        if let slice = blob as? FileSlice ?? (blob as? SpoolFile)?.slice, slice.count == descriptor.size {
            progress(Int(descriptor.size))
            return slice
        }
        if let document = blob as? Document, Int64(document.bytes.count) == descriptor.size {
            progress(document.bytes.count)
            return document
        }
        return try await onCancellableThread { [temporaryDirectory] cancellation in
            let spool = try SpoolFile(in: temporaryDirectory)
            try blob.forEachPiece(upTo: descriptor.size) { piece in
                try cancellation.check()
                try spool.append(piece)
                progress(piece.count)
            }
            return spool.slice
        }
    }

    /// All members in their order: what readers need to find their way comes first.
    private func members(below root: Descriptor) throws -> [ArchiveMember] {
        let manifests = manifests.withLock { $0 }
        let content = try ArchiveContent(root, manifests: manifests)
        let entries = names.indexEntries(for: root)
        var index = JSON.object(JSON.Object())
        index["schemaVersion"] = .integer(2)
        index["mediaType"] = .string(MediaType.ociIndex.text)
        index["manifests"] = .array(entries.map(\.json))
        var files = [
            ("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)), ("index.json", index.text),
        ]
        if let tags = names.dockerTags(for: root) {
            files.append(("manifest.json", try content.dockerManifest(tags: tags).text))
        }
        var members: [ArchiveMember] = files.map { name, bytes in
            .file(name, bytes, size: Int64(bytes.count))
        }
        members.append(.directory("blobs"))
        let blobs = blobs.withLock { $0 }
        for algorithm in Set(blobs.keys.map(\.algorithm.rawValue)).sorted() {
            members.append(.directory("blobs/\(algorithm)"))
        }
        // Foreign layers are named, but not there.
        for digest in content.order {
            guard let blob = blobs[digest] else { continue }
            members.append(.file(ImageLayout.blobName(digest), blob.bytes, size: blob.size))
        }
        return members
    }
}
