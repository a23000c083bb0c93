import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

@Suite(.timeLimit(.minutes(15)))
struct ImageLayoutTests {
    @Test(arguments: [nil, "1.0", "docker.io/library/app:1"])
    func anImageComesBackAsItWasWritten(tag: String?) async throws {
        try await withTemporaryDirectory { directory in
            let layout = ImageLayout(directory.appending("new/layout"), tag: tag)
            let image = try SmallImage(in: directory)
            #expect(try await layout.occupants() == [])
            #expect(try await layout.contains(image.layer, mountingFrom: nil) == false)
            #expect(try names(below: directory) == ["layer-1"])

            try await image.push(to: layout)
            #expect(try await layout.occupants().map(\.digest) == [image.manifest.digest])
            #expect(try await layout.contains(image.layer, mountingFrom: nil))
            try await image.expectEqual(in: layout)
            // A lone image is found without its name.
            #expect(try await ImageLayout(layout.path, tag: nil).resolve().digest == image.manifest.digest)
            #expect(try names(below: layout.path).filter { $0.contains("esgz") } == [])
        }
    }

    @Test(arguments: [nil, "new"])
    func theFullNameOfTheSourceIsNotThatOfTheCopy(tag: String?) async throws {
        try await withTemporaryDirectory { directory in
            let layout = ImageLayout(directory.appending("layout"), tag: tag)
            let document = try Document(parsing: Array("{}".utf8))
            var root = document.descriptor(.ociManifest)
            root.editAnnotations { $0[Annotation.imageName] = "docker.io/library/old:1" }
            try await layout.publish(document, as: root)
            let entry = try #require(try layout.readIndex().manifests.first)
            #expect(entry.shownName == tag)
        }
    }

    @Test func anImageIsNotFoundUntilItIsPublished() async throws {
        try await withTemporaryDirectory { directory in
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            let image = try SmallImage(in: directory)
            try await layout.put(manifest: image.document, as: image.manifest)
            #expect(try await layout.occupants() == [])
            #expect(try names(below: layout.path).contains("index.json") == false)
        }
    }

    @Test func writersAtOnceLoseNothing() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("layout")
            let images = try (1...8).map { try SmallImage(in: directory, layerSize: 1000, seed: UInt8($0)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, image) in images.enumerated() {
                    group.addTask { try await image.push(to: ImageLayout(path, tag: "tag\(number)")) }
                }
                try await group.waitForAll()
            }
            for (number, image) in images.enumerated() {
                try await image.expectEqual(in: ImageLayout(path, tag: "tag\(number)"))
            }
            #expect(try names(below: path).filter { $0.contains("esgz") } == [])
        }
    }

    @Test func otherImagesAndUnknownFieldsStay() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let other =
                #"{"mediaType":"x/y","digest":"\#(Digest(of: []))","size":0,"annotations":{\#(Self.name("old"))},"z":1}"#
            let replaced = other.replacingName("old", "1")
            try Self.write(directory, index: #"{"b":[1.50],"manifests":[\#(other),\#(replaced)],"a":null}"#)
            try await image.push(to: ImageLayout(directory, tag: "1"))
            let index = try FileSlice(opening: directory.appending("index.json")).bytes()
            let text = String(decoding: index, as: UTF8.self)
            #expect(text.hasPrefix(#"{"b":[1.50],"manifests":[\#(other),{"mediaType":"#))
            #expect(text.hasSuffix(#""annotations":{\#(Self.name("1"))}}],"a":null}"#))
        }
    }

    @Test func aTagThatIsNeededOrMissingIsListed() async throws {
        try await withTemporaryDirectory { directory in
            for (number, tag) in ["a", "b"].enumerated() {
                let image = try SmallImage(in: directory, layerSize: 10, seed: UInt8(number))
                try await image.push(to: ImageLayout(directory.appending("layout"), tag: tag))
            }
            let needed = await #expect(throws: LayoutFailure.self) {
                try await ImageLayout(directory.appending("layout"), tag: nil).resolve()
            }
            #expect(needed?.kind == .usage)
            let missing = await #expect(throws: LayoutFailure.self) {
                try await ImageLayout(directory.appending("layout"), tag: "c").resolve()
            }
            #expect(missing?.kind == .notFound)
            for failure in [needed, missing] { #expect(failure?.description.contains("'a', 'b'") == true) }
        }
    }

    @Test(arguments: [
        (nil, nil, FailureKind.notFound), (#"{"imageLayoutVersion":"2.0.0"}"#, "{}", .unsupported),
        (#"{"imageLayoutVersion":"1.1.0"}"#, #"{"manifests":[]}"#, .notFound),
        (#"{"imageLayoutVersion":"1.0.0"}"#, nil, .notFound), ("[", "{}", .invalid),
        (#"{"imageLayoutVersion":"1.0.0"}"#, "{}", .invalid),
        (
            #"{"imageLayoutVersion":"1.0.0"}"#,
            #"{"manifests":[{"mediaType":"x","digest":"sha256:../../x","size":1}]}"#, .invalid
        ),
    ])
    func aDirectoryThatIsNoLayoutIsRefused(version: String?, index: String?, expected: FailureKind) async throws {
        try await withTemporaryDirectory { directory in
            try Self.write(directory, version: version, index: index)
            do {
                _ = try await ImageLayout(directory, tag: nil).resolve()
                Issue.record("expected a failure")
            } catch let failure as any Failure {
                #expect(failure.kind == expected, "\(failure)")
                #expect(failure.description.contains(directory.string))
            }
        }
    }

    @Test func whatTheIndexHoldsIsNotWrittenOverWhenMalformed() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let path = directory.appending("layout")
            try Self.write(path, index: #"{"manifests":"#)
            await #expect(throws: ContextualFailure.self) { try await image.push(to: ImageLayout(path, tag: "1")) }
            #expect(try FileSlice(opening: path.appending("index.json")).count == 13)
        }
    }

    @Test func aDirectoryWithOtherFilesIsNotWrittenTo() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            await #expect(throws: LayoutFailure.self) { try await image.push(to: ImageLayout(directory, tag: "1")) }
            #expect(try names(below: directory) == ["layer-1"])
        }
    }

    @Test func aBlobOfAnotherSizeIsNamedWhenReadAndMendedWhenWritten() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            try await image.push(to: layout)
            try TestSupport.write([1, 2, 3], to: layout.blobPath(image.layer.digest))
            let failure = await #expect(throws: LayoutFailure.self) { try await image.expectEqual(in: layout) }
            #expect(failure?.description.contains(image.layer.digest.hex) == true)
            try await image.push(to: layout)
            try await image.expectEqual(in: layout)
        }
    }

    @Test func aChangedDocumentIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            try await image.push(to: layout)
            var bytes = image.document.bytes
            bytes[1] = UInt8(ascii: " ")
            try TestSupport.write(bytes, to: layout.blobPath(image.manifest.digest))
            await #expect(throws: ContextualFailure.self) { try await layout.document(image.manifest) }
        }
    }

    @Test func aNamedPipeInPlaceOfABlobDoesNotBlock() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            try await image.push(to: layout)
            let path = layout.blobPath(image.manifest.digest)
            unlink(path.string)
            mkfifo(path.string, 0o600)
            await #expect(throws: LayoutFailure.self) { try await layout.document(image.manifest) }
        }
    }

    @Test func aFailedWriteLeavesNothing() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            // The source is shorter than the descriptor says.
            var longer = image.layer
            longer.size += 1
            let descriptor = longer
            await #expect(throws: FileFailure.self) {
                try await layout.put(image.content, as: descriptor) { _ in }
            }
            #expect(try names(below: layout.path) == ["blobs", "blobs/sha256", "oci-layout"])
        }
    }

    @Test func aCancelledWriteLeavesNothing() async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            await #expect(throws: CancellationError.self) { try await Self.putAndCancel(layout, image.layer) }
            #expect(try names(below: layout.path) == ["blobs", "blobs/sha256", "oci-layout"])
        }
    }

    @Test(arguments: [false, true])
    func whatAKilledWriterLeftIsRemovedAndWhatAnotherWritesStays(isLayout: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let image = try SmallImage(in: directory)
            let layout = ImageLayout(directory.appending("layout"), tag: "1")
            if isLayout { try await image.push(to: layout) }
            // Killed before there was so much as a mark of the layout, or within a blob.
            let left = layout.path.appending(isLayout ? "blobs/sha256/.esgz-7-a" : ".esgz-7-a")
            try TestSupport.write([1, 2, 3], to: left)
            let busy = try isLayout ? Busy(layout.path.appending("blobs/sha256/.esgz-7-b")) : nil

            try await SmallImage(in: directory, seed: 2).push(to: layout)
            #expect(try names(below: layout.path).filter { $0.contains("esgz") } == (busy.map { [$0.name] } ?? []))
        }
    }

    /// A file that somebody is writing.
    private struct Busy {
        let file: OpenFile
        let name: String

        init(_ path: FilePath) throws {
            name = "blobs/sha256/\(path.lastComponent?.string ?? "")"
            try TestSupport.write([1], to: path)
            file = OpenFile(try FileDescriptor.open(path, .writeOnly))
            try file.descriptor.lockExclusively(CancellationFlag())
        }
    }

    /// Writes a blob without end, and gives up after its first piece.
    private static func putAndCancel(_ layout: ImageLayout, _ layer: Descriptor) async throws {
        var endless = layer
        endless.size = 1 << 40
        let (started, signal) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { [endless] group in
            group.addTask { try await layout.put(Endless(), as: endless) { _ in signal.yield() } }
            for await _ in started { break }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private static func name(_ tag: String) -> String { #""\#(Annotation.referenceName)":"\#(tag)""# }

    private static func write(
        _ directory: FilePath, version: String? = #"{"imageLayoutVersion":"1.0.0"}"#, index: String?
    ) throws {
        for (name, text) in [("oci-layout", version), ("index.json", index)] {
            if let text { try TestSupport.write(Array(text.utf8), to: directory.appending(name)) }
        }
    }
}

extension String {
    fileprivate func replacingName(_ old: String, _ new: String) -> String {
        split(separator: #""\#(old)""#, omittingEmptySubsequences: false).joined(separator: #""\#(new)""#)
    }
}

/// A source of zeros; it writes slowly enough to be interrupted on a small disk.
private struct Endless: ByteSource {
    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        usleep(1000)
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        return buffer.count
    }
}
