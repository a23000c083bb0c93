import Content
import Glibc
import OCI
import SystemPackage

extension ImageLayout: ImageDestination {
    package func expect(platforms count: Int) async throws { try checkPath() }

    package func contains(_ descriptor: Descriptor, mountingFrom source: (any ImageSource)?) async throws -> Bool {
        try hasBlob(descriptor)
    }

    package func put(
        _ blob: any ByteSource, as descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void
    ) async throws {
        try await onCancellableThread { cancellation in
            try prepare(for: descriptor.digest.algorithm, cancellation)
            if try hasBlob(descriptor) { return }
            try blobPath(descriptor.digest).replaceFile { file in
                try file.append(descriptor.size, of: blob) { count in
                    try cancellation.check()
                    progress(count)
                }
            }
        }
    }

    package func put(manifest: Document, as descriptor: Descriptor) async throws {
        try await onCancellableThread { cancellation in
            try prepare(for: descriptor.digest.algorithm, cancellation)
            if try hasBlob(descriptor) { return }
            try write(manifest.bytes, to: blobPath(descriptor.digest))
        }
    }

    package func publish(_ root: Document, as descriptor: Descriptor) async throws {
        try await put(manifest: root, as: descriptor)
        try await onCancellableThread { [tags] cancellation in
            try withLock(cancellation) {
                var index = try readIndexForWriting()
                for tag in tags {
                    var entry = descriptor
                    entry.editAnnotations { annotations in
                        annotations[Annotation.referenceName] = tag.map { .string($0) }
                        // That is what it was called where it comes from.
                        annotations[Annotation.imageName] = nil
                    }
                    index = try replacing(entry, in: index)
                }
                try write(index.bytes, to: indexPath)
                for directory in [path, blobPath(descriptor.digest).removingLastComponent()] {
                    directory.removeLeftovers()
                }
            }
        }
    }

    package func occupants() async throws -> [Occupant] {
        try checkPath()
        do {
            try checkVersion()
            let entries = try readIndex().manifests
            return tags.compactMap { tag in
                entries.first { $0.tag.isSame(as: tag) }.map { Occupant(name: tag ?? "\(path)", digest: $0.digest) }
            }
        } catch LayoutFailure.notALayout {
            return []
        } catch let failure as any Failure where failure.kind == .notFound {
            // The first image of a layout is still on its way.
            return []
        }
    }

    /// All names to publish under, each once; `nil` stands for an image without a name.
    private var tags: [String?] {
        var seen: Set<[UInt8]?> = []
        return ([tag] + additionalTags).filter { seen.insert($0.map { Array($0.utf8) }).inserted }
    }

    /// Whether the blob is there in full: an interrupted write of others may have left a part of it.
    private func hasBlob(_ descriptor: Descriptor) throws -> Bool {
        do {
            return try FileSlice(openingRegularFile: blobPath(descriptor.digest)).count == descriptor.size
        } catch let failure as any Failure where failure.kind == .notFound {
            return false
        }
    }

    /// Makes the directories, and marks them as a layout, unless that has been done.
    private func prepare(for algorithm: Digest.Algorithm, _ cancellation: CancellationFlag) throws {
        let directory = path.appending("blobs").appending(algorithm.rawValue)
        if access(versionPath.string, F_OK) == 0, access(directory.string, F_OK) == 0 { return }
        try checkPath()
        try makeDirectory(path)
        try withLock(cancellation) {
            if access(versionPath.string, F_OK) != 0 {
                // A run that was killed right here has left no layout, and yet something.
                path.removeLeftovers()
                guard try isEmpty(path) else { throw LayoutFailure.notEmpty(path) }
                try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: versionPath)
            } else {
                try checkVersion()
            }
            try makeDirectory(directory)
        }
    }

    /// Runs `body` while no other process or task edits this layout.
    ///
    /// The lock is that of the directory itself, so there is no lock file to leave behind.
    private func withLock<Result>(_ cancellation: CancellationFlag, _ body: () throws -> Result) throws -> Result {
        let directory: FileDescriptor
        do {
            directory = try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec])
        } catch let error as Errno {
            throw FileFailure.cannot("open", path, error)
        }
        let lock = OpenFile(directory)
        return try withExtendedLifetime(lock) {
            do {
                try directory.lockExclusively(cancellation)
            } catch let error as Errno {
                throw FileFailure.cannot("lock", path, error)
            }
            return try body()
        }
    }

    private func readIndexForWriting() throws -> Document {
        try checkVersion()
        do {
            return try readIndex().document
        } catch let failure as any Failure where failure.kind == .notFound {
            var root = JSON.object(JSON.Object())
            root["schemaVersion"] = .integer(2)
            root["mediaType"] = .string(MediaType.ociIndex.text)
            root["manifests"] = .array([])
            return Document(root)
        }
    }

    /// The index with `entry` in place of what had its name; everything else stays as it is.
    private func replacing(_ entry: Descriptor, in index: Document) throws -> Document {
        let manifests = index.root["manifests"]?.array ?? []
        let name = entry.tag
        let position = manifests.firstIndex { tag(of: $0).isSame(as: name) }
        var edited: [JSON] = []
        for (place, manifest) in manifests.enumerated() {
            if place == position {
                edited.append(entry.json)
            } else if !tag(of: manifest).isSame(as: name) {
                edited.append(manifest)
            }
        }
        if position == nil { edited.append(entry.json) }
        return index.editing { $0["manifests"] = .array(edited) }
    }

    private func tag(of entry: JSON) -> String? { entry["annotations"]?[Annotation.referenceName]?.string }

    private func write(_ bytes: [UInt8], to path: FilePath) throws {
        try path.replaceFile { file in
            _ = try bytes.withUnsafeBytes { try file.writeAll($0) }
        }
    }

    private func makeDirectory(_ path: FilePath) throws {
        var parent = FilePath(root: path.root)
        for component in path.components {
            parent.append(component)
            guard mkdir(parent.string, 0o777) != 0, errno != EEXIST else { continue }
            let error = Errno(rawValue: errno)
            // An automounter or a read-only file system may answer so for a directory that is there.
            if access(parent.string, F_OK) == 0 { continue }
            throw FileFailure.cannot("make the directory", parent, error)
        }
    }

    private func isEmpty(_ path: FilePath) throws -> Bool {
        guard let stream = opendir(path.string) else {
            throw FileFailure.cannot("open", path, Errno(rawValue: errno))
        }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        // Its own entry and that of its parent.
        return count <= 2
    }
}

extension String? {
    /// By their bytes: two spellings of an accented letter are two tags, which Swift's strings are not.
    fileprivate func isSame(as other: String?) -> Bool {
        map { Array($0.utf8) } == other.map { Array($0.utf8) }
    }
}
