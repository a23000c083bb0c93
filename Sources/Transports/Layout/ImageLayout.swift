import Content
import OCI
import SystemPackage

/// An image in a directory (OCI image specification, image-layout.md): blobs by digest, and `index.json` for the names.
package struct ImageLayout: Sendable {
    package let path: FilePath
    /// What the image is called in `index.json`; `nil` when there is only one, or for one without a name.
    package let tag: String?
    /// Published besides `tag`.
    let additionalTags: [String]

    package init(_ path: FilePath, tag: String?, additionalTags: [String] = []) {
        self.path = path
        self.tag = tag
        self.additionalTags = additionalTags
    }

    var indexPath: FilePath { path.appending(Self.indexName) }
    var versionPath: FilePath { path.appending(Self.versionName) }

    /// - Throws: when there is a file in place of the directory, which is an easy slip.
    func checkPath() throws {
        if (try? path.stat())?.type == .regular { throw LayoutFailure.isFile(path) }
    }

    func blobPath(_ digest: Digest) -> FilePath { path.appending(Self.blobName(digest)) }
}

extension ImageLayout: LayoutFiles {
    var location: String { "oci:\(path)" }

    func open(_ name: String) throws -> FileSlice {
        try FileSlice(openingRegularFile: path.appending(name))
    }
}

extension ImageLayout: ImageSource {
    package func resolve() async throws -> Descriptor {
        try checkPath()
        try checkVersion()
        return try choose(tag, from: try readIndex().manifests)
    }

    package func document(_ descriptor: Descriptor) async throws -> Document { try readDocument(descriptor) }

    package func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        try await body(try openBlob(descriptor))
    }

    package func open(_ descriptor: Descriptor) async throws -> any RandomAccess { try openBlob(descriptor) }

    package func isAbsent(_ descriptor: Descriptor) async throws -> Bool { try lacks(descriptor) }
}

extension FileSlice {
    /// Opens a file of a layout, which may come from anywhere: a named pipe in its place must not block.
    init(openingRegularFile path: FilePath) throws {
        do {
            let file = OpenFile(try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking]))
            guard let size = try file.descriptor.sizeOfRegularFile() else { throw LayoutFailure.notAFile(path) }
            self.init(file, 0..<size)
        } catch let error as Errno {
            throw FileFailure.cannot("open", path, error)
        }
    }
}

package enum LayoutFailure: Failure {
    case isFile(FilePath)
    case notALayout(FilePath)
    case notEmpty(FilePath)
    case unknownVersion(FilePath, String?)
    case notAFile(FilePath)
    case empty(FilePath)
    case tagNeeded(FilePath, location: String, tags: [String])
    case noSuchTag(FilePath, String, tags: [String])
    case ambiguousTag(FilePath, String, count: Int)
    case wrongSize(FilePath, expected: Int64, found: Int64)

    package var kind: FailureKind {
        switch self {
        case .notALayout, .noSuchTag, .empty: .notFound
        case .tagNeeded: .usage
        case .unknownVersion: .unsupported
        case .isFile, .notEmpty, .notAFile, .ambiguousTag, .wrongSize: .invalid
        }
    }

    package var description: String {
        switch self {
        case .isFile(let path):
            """
            expected \(path) to be a directory with an OCI layout, but it is a file; if it is an archive, use \
            oci-archive:\(path) or docker-archive:\(path)
            """
        case .notALayout(let path): "\(path) is not an OCI layout: it has no file 'oci-layout'"
        case .notEmpty(let path):
            "refusing to write an image into \(path): it is not empty, and has no file 'oci-layout'"
        case .unknownVersion(let path, let version):
            "\(path): expected an OCI layout of version 1.0.0, not '\((version ?? "").prefix(50).printable)'"
        case .notAFile(let path): "expected \(path) to be a regular file"
        case .empty(let path): "\(path) holds no image"
        case .tagNeeded(let path, let location, let tags):
            "\(path) holds several images; name one with \(location):TAG, where TAG is one of " + tags.listed
        case .noSuchTag(let path, let tag, let tags):
            "\(path) holds no image '\(tag.printable)'; there are " + tags.listed
        case .ambiguousTag(let path, let tag, let count):
            "\(path): expected one image '\(tag.printable)', but \(count) different ones have that name"
        case .wrongSize(let path, let expected, let found): "\(path): expected \(expected) bytes, not \(found)"
        }
    }
}

extension [String] {
    /// Names of images for a message: sorted, short, and not too many.
    var listed: String {
        let shown = sorted().prefix(20).map { "'\($0.prefix(128).printable)'" }
        let more = count > shown.count ? " and \(count - shown.count) more" : ""
        return shown.isEmpty ? "none with a name" : shown.joined(separator: ", ") + more
    }
}
