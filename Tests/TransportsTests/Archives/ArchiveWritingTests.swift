import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

@Suite(.timeLimit(.minutes(15)))
struct ArchiveWritingTests {
    @Test(arguments: ["oci-archive:", "docker-archive:"], ["", ":app:1", ":reg.test/a/b:2"])
    func anImageComesBackAsItWasWritten(transport: String, name: String) async throws {
        let image = try ArchivedTestImage(packing: .gzip)
        try await withTemporaryDirectory { directory in
            let location = try ImageLocation(parsing: "\(transport)\(directory)/out.tar\(name)")
            let place = try location.openDestination(options(in: directory))
            #expect(try await place.occupants() == [])
            #expect(try await !place.contains(image.layers[0].descriptor, mountingFrom: nil))
            try await image.push(to: place)
            #expect(try await place.contains(image.layers[0].descriptor, mountingFrom: nil))
            #expect(try names(below: directory) == ["out.tar"])
            #expect(try await place.occupants() == [Occupant(name: "\(directory)/out.tar", digest: nil)])
            try await image.expectEqual(in: location.openSource(options(in: directory)))
            // docker's form is both.
            try await image.expectEqual(in: open("oci-archive:\(directory)/out.tar", in: directory))
        }
    }

    @Test func theBytesDependNeitherOnTheOrderInWhichBlobsComeNorOnTheTime() async throws {
        let image = try ArchivedTestImage(packing: .gzip)
        try await withTemporaryDirectory { directory in
            for (name, isReversed) in [("one", false), ("two", true)] {
                let place = try ImageLocation(parsing: "docker-archive:\(directory)/\(name):app:1")
                    .openDestination(options(in: directory))
                try await image.push(to: place, layersReversed: isReversed)
            }
            let bytes = try ["one", "two"].map { try FileSlice(opening: directory.appending($0)).bytes() }
            #expect(bytes[0] == bytes[1])
        }
    }

    /// What the location says, further tags, and the names in the archive; `root` comes with a name of its own.
    private static let nameRows: [(String, String, [String], [String], String?)] = [
        ("oci-archive:", "", [], ["docker.io/library/own:1 1"], nil),
        ("oci-archive:", ":tag", [], ["- tag"], nil), ("oci-archive:", ":tag", ["x", "tag"], ["- tag", "- x"], nil),
        ("oci-archive:", ":app:2", [], ["docker.io/library/app:2 app:2"], nil),
        (
            "oci-archive:", ":reg.test/a:2", ["3"], ["reg.test/a:2 reg.test/a:2", "reg.test/a:3 reg.test/a:3"], nil
        ),
        ("oci-archive:", "", ["x"], ["- x"], nil),
        ("docker-archive:", "", [], ["docker.io/library/own:1 1"], #"["docker.io/library/own:1"]"#),
        ("docker-archive:", ":app", [], ["docker.io/library/app:latest latest"], #"["docker.io/library/app:latest"]"#),
        (
            "docker-archive:", ":me/app:2", ["3"], ["docker.io/me/app:2 2", "docker.io/me/app:3 3"],
            #"["docker.io/me/app:2","docker.io/me/app:3"]"#
        ),
    ]

    @Test(arguments: nameRows)
    func namesAreWrittenForEveryoneWhoReadsThem(
        transport: String, name: String, tags: [String], entries: [String], repositoryTags: String?
    ) async throws {
        let image = try ArchivedTestImage()
        try await withTemporaryDirectory { directory in
            var root = image.descriptor
            root.name(try ImageReference(parsing: "own:1"))
            let place = try ImageLocation(parsing: "\(transport)\(directory)/out\(name)")
                .openDestination(options(in: directory), additionalTags: tags)
            try await image.push(to: place, as: root)
            let file = try FileSlice(opening: directory.appending("out"))
            let members = try await ArchiveMembers(file, path: "out", location: "oci-archive:out")
            let found = try members.readIndex().manifests.map { entry in
                "\(entry.annotation(Annotation.imageName) ?? "-") \(entry.annotation(Annotation.referenceName) ?? "-")"
            }
            #expect(found == entries)
            #expect(members.has("manifest.json") == (repositoryTags != nil))
            if repositoryTags != nil {
                let manifest = try JSON(parsing: try members.open("manifest.json").bytes())
                let tags = manifest.array?.first?["RepoTags"]?.text ?? []
                #expect(String(decoding: tags, as: UTF8.self) == repositoryTags)
            }
        }
    }

    @Test func anImageWithoutANameHasNoneForDocker() async throws {
        let image = try ArchivedTestImage()
        try await withTemporaryDirectory { directory in
            let place = try ImageLocation(parsing: "docker-archive:\(directory)/out")
                .openDestination(options(in: directory))
            try await image.push(to: place)
            let text = String(decoding: try FileSlice(opening: directory.appending("out")).bytes(), as: UTF8.self)
            #expect(text.contains(#""RepoTags":null"#))
        }
    }

    @Test func severalPlatformsGoIntoAnOCIArchiveOnly() async throws {
        let images = try ["amd64", "arm64"].map { try ArchivedTestImage($0, platform: $0) }
        var root = JSON.object(JSON.Object())
        root["schemaVersion"] = .integer(2)
        root["manifests"] = .array(images.map(\.descriptor.json))
        let index = Document(root)
        try await withTemporaryDirectory { directory in
            for (transport, failure) in [("oci-archive:", nil), ("docker-archive:", FailureKind.usage)] {
                let place = try ImageLocation(parsing: "\(transport)\(directory)/\(transport.dropLast())")
                    .openDestination(options(in: directory))
                let kind = await failureKind {
                    for image in images {
                        for layer in image.layers {
                            try await place.put(layer.blob, as: layer.descriptor) { _ in }
                        }
                        try await place.put(
                            image.configuration, as: image.configuration.descriptor(.ociConfiguration)
                        ) { _ in }
                        try await place.put(manifest: image.manifest, as: image.descriptor)
                    }
                    try await place.publish(index, as: index.descriptor(.ociIndex))
                }
                #expect(kind == failure)
            }
            #expect(try names(below: directory) == ["oci-archive"])
            let source = try open("oci-archive:\(directory)/oci-archive", in: directory)
            for image in images { #expect(try await !source.isAbsent(image.layers[1].descriptor)) }
        }
    }

    @Test func anExistingFileStaysUntilTheNewOneIsWhole() async throws {
        let image = try ArchivedTestImage()
        try await withTemporaryDirectory { directory in
            let path = directory.appending("out.tar")
            try write(Array("old".utf8), to: path)
            symlink("out.tar", directory.appending("link").string)
            let place = try ImageLocation(parsing: "oci-archive:\(directory)/link:x").openDestination(
                options(in: directory))
            // Shorter than its descriptor says, which is noticed when the archive is written.
            let layer = image.layers[0]
            await #expect(throws: FileFailure.self) {
                var longer = layer.descriptor
                longer.size += 1
                try await place.put(layer.blob, as: longer) { _ in }
            }
            #expect(try FileSlice(opening: path).bytes() == Array("old".utf8))
            #expect(try names(below: directory) == ["link", "out.tar"])
            try await image.push(to: place)
            #expect(try names(below: directory) == ["link", "out.tar"])
            try await image.expectEqual(in: open("oci-archive:\(path):x", in: directory))
        }
    }

    @Test func aLinkToAFileThatIsNotThereYetStaysOne() async throws {
        let image = try ArchivedTestImage()
        try await withTemporaryDirectory { directory in
            symlink("out.tar", directory.appending("link").string)
            try await image.push(
                to: try ImageLocation(parsing: "oci-archive:\(directory)/link:x").openDestination(
                    options(in: directory)))
            try await image.expectEqual(in: open("oci-archive:\(directory)/out.tar:x", in: directory))
        }
    }

    @Test(arguments: [
        ("oci-archive:{}", FailureKind.usage), ("docker-archive:{}/none/out.tar", .io),
        ("docker-archive:{}/out.tar:@1", .usage),
    ])
    func aPlaceThatCannotBeWrittenIsToldBeforeAnythingIsDone(location: String, kind: FailureKind) async throws {
        try await withTemporaryDirectory { directory in
            let text = location.split(separator: "{}", omittingEmptySubsequences: false).joined(
                separator: directory.string)
            #expect(
                await failureKind { try ImageLocation(parsing: text).openDestination(options(in: directory)) } == kind)
        }
    }

    @Test func aMemberOfMoreThanEightGibibytesKeepsItsSize() throws {
        var start: [UInt8] = []
        let size: Int64 = 9 << 30
        #expect(throws: CancellationError.self) {
            try [ArchiveMember.file("large", [UInt8](), size: size)].writeTar { piece in
                start += piece
                throw CancellationError()
            }
        }
        #expect(String(decoding: start, as: UTF8.self).contains(" size=\(size)\n"))
    }

    @Test func aFullDiskLeavesNothingBehind() async throws {
        let image = try ArchivedTestImage()
        try await withTemporaryDirectory { directory in
            // A device that is always full keeps its name.
            let place = try ImageLocation(parsing: "oci-archive:/dev/full").openDestination(options(in: directory))
            let failure = await #expect(throws: FileFailure.self) { try await image.push(to: place) }
            #expect(failure?.description.contains("/dev/full") == true)
            #expect(try names(below: directory) == [])
        }
    }
}
