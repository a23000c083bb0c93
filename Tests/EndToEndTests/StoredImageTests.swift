import Content
import FoundationEssentials
import OCI
import SystemPackage
import TestSupport
import Testing

/// The judge of chaos and kill tests must find what is not whole.
struct StoredImageTests {
    enum Damage: CaseIterable {
        case none, missing, truncated, changed, wrongDiffID
    }

    @Test(arguments: Damage.allCases)
    func anImageIsWholeOnlyWhenEveryPartIsRight(damage: Damage) async throws {
        try await withTemporaryDirectory { directory in
            var builder = try LayoutBuilder(at: directory)
            var layer = try BuiltTestLayer(gzip: Tar { file("etc/motd", "hello\n") }.bytes)
            if damage == .wrongDiffID { layer.diffID = layer.descriptor.digest }
            let index = try builder.putIndex([try builder.putImage([layer])])
            try builder.tag(index, as: "1")
            let blob = builder.blob(layer.descriptor.digest)
            switch damage {
            case .missing: try FileManager.default.removeItem(atPath: blob.string)
            case .truncated: try write(Array(layer.blob.dropLast()), to: blob)
            case .changed: try write(layer.blob.dropLast() + [1], to: blob)
            case .none, .wrongDiffID: break
            }
            let digest = try #require(try StoredImage.digest(of: "1", inLayout: directory))
            #expect(digest == index.digest.description)
            let parts = try? StoredImage(layout: directory).parts(below: digest)
            // Layer, configuration, manifest, index.
            #expect(parts?.count == (damage == .none ? 4 : nil))
        }
    }
}
