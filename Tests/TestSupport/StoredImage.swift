import Content
import Glibc
import SystemPackage

/// An image somewhere, read part by part.
package struct StoredImage: Sendable {
    /// A blob or manifest that an image is made of.
    package struct Part: Hashable, Sendable {
        package let digest: String
        /// `nil` for blobs.
        package let manifestType: String?

        package var isManifest: Bool { manifestType != nil }
    }

    /// The bytes behind a digest, unchecked; registries keep manifests apart from all other blobs.
    package let read: @Sendable (_ digest: String, _ isManifest: Bool) throws -> [UInt8]

    package init(_ read: @escaping @Sendable (_ digest: String, _ isManifest: Bool) throws -> [UInt8]) {
        self.read = read
    }

    /// An image in a layout.
    package init(layout: FilePath) {
        self.init { digest, _ in
            let hex = String(digest.drop { $0 != ":" }.dropFirst())
            return try FileSlice(opening: layout.appending("blobs/sha256").appending(hex)).bytes()
        }
    }

    /// The digest that a name in a layout stands for; `nil` when there is no such name, or no layout.
    package static func digest(of tag: String, inLayout layout: FilePath) throws -> String? {
        let index = layout.appending("index.json")
        guard access(index.string, F_OK) == 0 else { return nil }
        let entries = try JSON(parsing: FileSlice(opening: index).bytes())["manifests"]?.array ?? []
        return entries.first { $0["annotations"]?["org.opencontainers.image.ref.name"]?.string == tag }?["digest"]?
            .string
    }

    /// Everything that the image consists of, each part once, in the order in which it has to be uploaded.
    ///
    /// - Throws: when anything is missing, or is not what it is said to be: digest, size, and the DiffID of every layer.
    @discardableResult
    package func parts(below digest: String) throws -> [Part] {
        var parts: [Part] = []
        try visit(digest, size: nil, into: &parts)
        var seen: Set<Part> = []
        return parts.filter { seen.insert($0).inserted }
    }

    private func visit(_ digest: String, size: Int64?, into parts: inout [Part]) throws {
        let document = try JSON(parsing: try checked(digest, size: size, isManifest: true))
        if let manifests = document["manifests"]?.array {
            for child in manifests {
                try visit(child["digest"]?.string ?? "", size: child["size"]?.integer ?? -1, into: &parts)
            }
        } else {
            let configuration = document["config"]
            let bytes = try checked(configuration, into: &parts)
            let layers = document["layers"]?.array ?? []
            let diffIDs = try JSON(parsing: bytes)["rootfs"]?["diff_ids"]?.array ?? []
            guard !layers.isEmpty, diffIDs.isEmpty || diffIDs.count == layers.count else {
                throw PlainFailure("\(digest): \(layers.count) layers, \(diffIDs.count) DiffIDs")
            }
            for (position, layer) in layers.enumerated() {
                let blob = try checked(layer, into: &parts)
                guard layer["mediaType"]?.string?.hasSuffix("gzip") == true, !diffIDs.isEmpty else { continue }
                guard try DiffIDs.diffID(of: blob, layer["digest"]?.string ?? "") == diffIDs[position].string else {
                    throw PlainFailure("\(digest): layer \(position + 1) has another DiffID")
                }
            }
        }
        parts.append(Part(digest: digest, manifestType: document["mediaType"]?.string ?? ""))
    }

    private func checked(_ descriptor: JSON?, into parts: inout [Part]) throws -> [UInt8] {
        let digest = descriptor?["digest"]?.string ?? ""
        parts.append(Part(digest: digest, manifestType: nil))
        return try checked(digest, size: descriptor?["size"]?.integer ?? -1, isManifest: false)
    }

    private func checked(_ digest: String, size: Int64?, isManifest: Bool) throws -> [UInt8] {
        let bytes = try read(digest, isManifest)
        guard Digest(of: bytes).description == digest, size == nil || size == Int64(bytes.count) else {
            throw PlainFailure("\(digest), \(size ?? -1) bytes: found \(Digest(of: bytes)), \(bytes.count) bytes")
        }
        return bytes
    }
}

/// What layers inflate to. Inflating is slow in a debug build, and the same layers come again hundreds of times.
private enum DiffIDs {
    private static let known = Monitor<[String: String]>([:])

    /// `blob` has been found to have `digest`.
    static func diffID(of blob: [UInt8], _ digest: String) throws -> String {
        if let diffID = known.withLock({ $0[digest] }) { return diffID }
        let diffID = Digest(of: try GzipMember.all(of: blob).flatMap(\.bytes)).description
        known.withLock { $0[digest] = diffID }
        return diffID
    }
}
