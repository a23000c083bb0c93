import Archive
import Content
import OCI
import SystemPackage

/// An image in an archive, which is opened when something is first asked of it; nothing is ever unpacked.
package final class ImageArchive: ImageSource {
    private let image: OnDemand<any ImageSource>

    /// The image `tag` of an archive with an OCI layout, as skopeo, podman and containerd write it.
    package convenience init(oci place: ArchivePlace, tag: String?, temporaryDirectory: FilePath) {
        self.init {
            let members = try await ArchiveMembers(
                ArchiveInput(place: place, temporaryDirectory: temporaryDirectory), "oci-archive")
            return try members.layoutImage(tag)
        }
    }

    /// An image of an archive that `docker save` wrote.
    package convenience init(docker place: ArchivePlace, _ image: ArchivedImage?, temporaryDirectory: FilePath) {
        self.init {
            let members = try await ArchiveMembers(
                ArchiveInput(place: place, temporaryDirectory: temporaryDirectory), "docker-archive")
            return try await onCancellableThread { try members.savedImage(image, $0) }
        }
    }

    init(opening open: @escaping @Sendable () async throws -> any ImageSource) {
        image = OnDemand(open)
    }

    package func resolve() async throws -> Descriptor { try await image.value.resolve() }

    package func document(_ descriptor: Descriptor) async throws -> Document {
        try await image.value.document(descriptor)
    }

    package func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        try await image.value.withBlob(descriptor, progress: progress, body)
    }

    package func open(_ descriptor: Descriptor) async throws -> any RandomAccess {
        try await image.value.open(descriptor)
    }

    package func isAbsent(_ descriptor: Descriptor) async throws -> Bool {
        try await image.value.isAbsent(descriptor)
    }
}

/// The members of an archive that is open, as the files of a layout.
struct ArchiveMembers: LayoutFiles {
    let path: FilePath
    let location: String
    let index: TarIndex

    /// Reads the headers of the archive.
    init(_ input: ArchiveInput, _ transport: String) async throws {
        let file = try await onCancellableThread { try input.open($0) }
        try await self.init(file, path: input.path, location: "\(transport):\(input.place)")
    }

    /// Reads the headers of an archive that is open as an uncompressed tar file.
    init(_ file: FileSlice, path: FilePath, location: String) async throws {
        self.path = path
        self.location = location
        index = try await onCancellableThread { cancellation in
            try ArchiveFailure.check(try file.head(512), of: path)
            return try context("\(path)") { try TarIndex(of: file, checking: cancellation.check) }
        }
    }

    func open(_ name: String) throws -> FileSlice {
        guard let file = try context("\(path)", { try index.open(name) }) else {
            throw FileFailure.cannot("open", path.appending(name), .noSuchFileOrDirectory)
        }
        return file
    }

    func has(_ name: String) -> Bool { index.members[EntryPath(name)] != nil }

    var isLayout: Bool { has(Self.versionName) && has(Self.indexName) }

    /// The image of an archive that has to be an OCI layout.
    func layoutImage(_ tag: String?) throws -> any ImageSource {
        guard isLayout else {
            if has(Self.dockerManifestName) {
                throw ArchiveFailure.other(path, found: "an archive of docker save", use: other("docker-archive"))
            }
            throw notAnImage(missing: has(Self.versionName) ? Self.indexName : Self.versionName)
        }
        try checkVersion()
        return ArchivedLayout(files: self, root: try choose(tag, from: try readIndex().manifests))
    }

    /// The same archive, as another transport names it.
    func other(_ transport: String) -> String {
        transport + location[(location.firstIndex(of: ":") ?? location.endIndex)...]
    }

    func notAnImage(missing: String) -> ArchiveFailure {
        let below = index.members.keys.filter { $0.description.hasSuffix("/\(Self.versionName)") }
            .map { $0.parent?.description ?? "" }
        if let directory = below.min() { return .layoutBelow(path, directory: directory) }
        return .noImage(path, example: index.firstName, missing: missing)
    }
}

/// An image in an archive that is an OCI layout: read where it lies.
struct ArchivedLayout: ImageSource {
    let files: ArchiveMembers
    let root: Descriptor

    func resolve() async throws -> Descriptor { root }

    func document(_ descriptor: Descriptor) async throws -> Document { try files.readDocument(descriptor) }

    func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        try await body(try files.openBlob(descriptor))
    }

    func open(_ descriptor: Descriptor) async throws -> any RandomAccess { try files.openBlob(descriptor) }

    func isAbsent(_ descriptor: Descriptor) async throws -> Bool { try files.lacks(descriptor) }
}
