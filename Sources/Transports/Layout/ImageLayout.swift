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

    var indexPath: FilePath { path.appending("index.json") }
    var versionPath: FilePath { path.appending("oci-layout") }

    /// A digest holds nothing but letters and digits, so the path stays inside.
    func blobPath(_ digest: Digest) -> FilePath {
        path.appending("blobs").appending(digest.algorithm.rawValue).appending(digest.hex)
    }

    /// - Throws: when the directory is there but says that it is something else.
    func checkVersion() throws {
        let file: FileSlice
        do {
            file = try FileSlice(openingRegularFile: versionPath)
        } catch let failure as any Failure where failure.kind == .notFound {
            throw LayoutFailure.notALayout(path)
        }
        let version = try context("\(versionPath)") {
            try Document(parsing: try file.documentBytes()).root["imageLayoutVersion"]?.string
        }
        // Later versions with the same major number are to stay readable.
        guard let version, version == "1" || version.hasPrefix("1.") else {
            throw LayoutFailure.unknownVersion(path, version)
        }
    }

    /// The names of images, and what is known of each.
    func readIndex() throws -> Index {
        let file = try FileSlice(openingRegularFile: indexPath)
        return try context("\(indexPath)") { try Index(Document(parsing: file.documentBytes()), as: .ociIndex) }
    }

    /// The blob's file, unread, after a look at its size.
    func openBlob(_ descriptor: Descriptor) throws -> FileSlice {
        let path = blobPath(descriptor.digest)
        let file = try FileSlice(openingRegularFile: path)
        guard file.count == descriptor.size else {
            throw LayoutFailure.wrongSize(path, expected: descriptor.size, found: file.count)
        }
        return file
    }
}

extension ImageLayout: ImageSource {
    package func resolve() async throws -> Descriptor {
        try checkVersion()
        let entries = try readIndex().manifests
        guard let tag else {
            guard let entry = entries.first else { throw LayoutFailure.empty(path) }
            guard entries.count == 1 else { throw LayoutFailure.tagNeeded(path, tags: entries.compactMap(\.tag)) }
            return entry
        }
        let named = entries.filter { $0.tag?.isSameText(as: tag) == true }
        guard let entry = named.first else {
            throw LayoutFailure.noSuchTag(path, tag, tags: entries.compactMap(\.tag))
        }
        guard named.allSatisfy({ $0.digest == entry.digest }) else {
            throw LayoutFailure.ambiguousTag(path, tag, count: named.count)
        }
        return entry
    }

    package func document(_ descriptor: Descriptor) async throws -> Document {
        try descriptor.checkDocumentSize()
        let file = try openBlob(descriptor)
        return try context("\(blobPath(descriptor.digest))") {
            let bytes = try file.bytes()
            try descriptor.check(bytes)
            return try Document(parsing: bytes)
        }
    }

    package func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        try await body(try openBlob(descriptor))
    }
}

extension Descriptor {
    var tag: String? { annotation(Annotation.referenceName) }
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

    /// All bytes of a JSON file that has no descriptor to say how long it is.
    func documentBytes() throws -> [UInt8] {
        guard count <= Document.sizeLimit else { throw DocumentFailure.tooLarge(count) }
        return try bytes()
    }
}

package enum LayoutFailure: Failure {
    case notALayout(FilePath)
    case notEmpty(FilePath)
    case unknownVersion(FilePath, String?)
    case notAFile(FilePath)
    case empty(FilePath)
    case tagNeeded(FilePath, tags: [String])
    case noSuchTag(FilePath, String, tags: [String])
    case ambiguousTag(FilePath, String, count: Int)
    case wrongSize(FilePath, expected: Int64, found: Int64)

    package var kind: FailureKind {
        switch self {
        case .notALayout, .noSuchTag, .empty: .notFound
        case .tagNeeded: .usage
        case .unknownVersion: .unsupported
        case .notEmpty, .notAFile, .ambiguousTag, .wrongSize: .invalid
        }
    }

    package var description: String {
        switch self {
        case .notALayout(let path): "\(path) is not an OCI layout: it has no file 'oci-layout'"
        case .notEmpty(let path):
            "refusing to write an image into \(path): it is not empty, and has no file 'oci-layout'"
        case .unknownVersion(let path, let version):
            "\(path): expected an OCI layout of version 1.0.0, not '\((version ?? "").prefix(50).printable)'"
        case .notAFile(let path): "expected \(path) to be a regular file"
        case .empty(let path): "\(path) holds no image"
        case .tagNeeded(let path, let tags):
            "\(path) holds several images; name one with oci:\(path):TAG, where TAG is one of " + Self.list(tags)
        case .noSuchTag(let path, let tag, let tags):
            "\(path) holds no image '\(tag.printable)'; there are " + Self.list(tags)
        case .ambiguousTag(let path, let tag, let count):
            "\(path): expected one image '\(tag.printable)', but \(count) different ones have that name"
        case .wrongSize(let path, let expected, let found): "\(path): expected \(expected) bytes, not \(found)"
        }
    }

    private static func list(_ tags: [String]) -> String {
        let shown = tags.sorted().prefix(20).map { "'\($0.prefix(128).printable)'" }
        let more = tags.count > shown.count ? " and \(tags.count - shown.count) more" : ""
        return shown.isEmpty ? "none with a name" : shown.joined(separator: ", ") + more
    }
}
