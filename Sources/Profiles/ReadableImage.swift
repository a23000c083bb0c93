import Archive
import Content
import OCI

/// One platform of an image, its layers merged, and readable down to the bytes of each file.
package struct ReadableImage: Sendable {
    /// Of the manifest.
    package let manifest: Digest
    package let configuration: ImageConfiguration
    package let tree: MergedTree
    package let contents: any FileContents
    /// The digests of the layers' blobs, bottom first; empty when they are not known.
    package let blobs: [Digest]

    package init(
        manifest: Digest, configuration: ImageConfiguration, tree: MergedTree, contents: any FileContents,
        blobs: [Digest] = []
    ) {
        self.blobs = blobs
        self.manifest = manifest
        self.configuration = configuration
        self.tree = tree
        self.contents = contents
    }
}

/// Says which files of an image its workload needs first.
package protocol Profiler: Sendable {
    /// Whether this platform of an image is to be profiled before others, which may get what is found out here.
    func goesFirst(_ configuration: ImageConfiguration) -> Bool

    /// Whether an image without one of its layers is another one, of which nothing can be learned.
    var needsAllLayers: Bool { get }

    /// The profile of one platform of an image; the same each time unless the workload itself differs.
    func profile(of image: ReadableImage) async throws -> Profile
}

extension Profiler {
    /// Unless a profiler says so, no platform is like another.
    package func goesFirst(_ configuration: ImageConfiguration) -> Bool { false }
    package var needsAllLayers: Bool { false }
}

/// A profile that was made before; it holds for every image that it is applied to.
extension Profile: Profiler {
    package func profile(of image: ReadableImage) -> Profile { self }
}
