import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

@Suite(.timeLimit(.minutes(15)))
struct ArchiveReadingTests {
    @Test(arguments: Tar.Dialect.allCases, ["", "./"])
    func anOCIArchiveIsReadWhereItLies(dialect: Tar.Dialect, prefix: String) async throws {
        let image = try ArchivedTestImage(packing: .gzip)
        let members = layoutMembers([image.entry()]) + [directory("blobs"), directory("blobs/sha256")] + image.blobs
        try await withArchive(Tar(dialect, prefix: prefix, items: members).bytes) { path, directory in
            try await image.expectEqual(in: try open("oci-archive:\(path)", in: directory))
            #expect(try names(below: directory) == ["archive"])
        }
    }

    @Test(arguments: [Layer.Packing.gzip, .gzipMembers, .zstd])
    func aCompressedArchiveIsInflatedOnce(packing: Layer.Packing) async throws {
        let image = try ArchivedTestImage()
        let tar = Tar(.gnu, items: layoutMembers([image.entry()]) + image.blobs).bytes
        try await withArchive(try packing.pack(tar)) { path, directory in
            try await image.expectEqual(in: try open("oci-archive:\(path)", in: directory))
            #expect(try names(below: directory) == ["archive"])
        }
    }

    @Test(arguments: Layer.Packing.allCases)
    func aPipeIsReadOnceWhateverComesThroughIt(packing: Layer.Packing) async throws {
        let image = try ArchivedTestImage()
        let bytes = try packing.pack(Tar(.pax, items: layoutMembers([image.entry()]) + image.blobs).bytes)
        try await withTemporaryDirectory { directory in
            let pipe = directory.appending("pipe")
            #expect(mkfifo(pipe.string, 0o600) == 0)
            async let writing: Void = onThread {
                let file = try FileDescriptor.open(pipe, .writeOnly)
                try file.closeAfter { _ = try file.writeAll(bytes) }
            }
            try await image.expectEqual(in: try open("oci-archive:\(pipe)", in: directory))
            try await writing
        }
    }

    @Test func theLastOfMembersWithTheSameNameCounts() async throws {
        let (old, new) = (try ArchivedTestImage("old"), try ArchivedTestImage("new"))
        let members =
            layoutMembers([old.entry()]) + old.blobs + new.blobs + layoutMembers([new.entry()])
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            try await new.expectEqual(in: try open("oci-archive:\(path)", in: directory))
        }
    }

    /// Which of two images a location means; `nil` for neither, with the kind of the failure.
    private static let choices: [(String, String, String?, FailureKind?)] = [
        ("oci-archive:", "", nil, FailureKind.usage), ("oci-archive:", ":a:1", "first", nil),
        ("oci-archive:", ":docker.io/library/a:1", "first", nil), ("oci-archive:", ":b:1", "second", nil),
        ("oci-archive:", ":two", "second", nil), ("oci-archive:", ":c:1", nil, .notFound),
        ("docker-archive:", "", nil, .usage), ("docker-archive:", ":a:1", "first", nil),
        ("docker-archive:", ":index.docker.io/b:1", "second", nil), ("docker-archive:", ":@0", "first", nil),
        ("docker-archive:", ":@1", "second", nil), ("docker-archive:", ":@2", nil, .notFound),
        ("docker-archive:", ":c:1", nil, .notFound), ("docker-archive:", ":old:1", "second", nil),
    ]

    @Test(arguments: choices)
    func oneOfSeveralImagesIsChosenByName(
        transport: String, name: String, expected: String?, failure: FailureKind?
    ) async throws {
        let images = ["first": try ArchivedTestImage("first"), "second": try ArchivedTestImage("second")]
        let (first, second) = (try #require(images["first"]), try #require(images["second"]))
        let members =
            layoutMembers([
                first.entry([Annotation.imageName: "docker.io/library/a:1", Annotation.referenceName: "1"]),
                second.entry([Annotation.imageName: "docker.io/library/b:1", Annotation.referenceName: "two"]),
            ])
            + [dockerManifest([first.modernEntry(["a:1"]), second.modernEntry(["b:1", "old:1"])])]
            + first.blobs + second.blobs
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            let source = try open("\(transport)\(path)\(name)", in: directory)
            if let expected {
                try await images[expected]?.expectEqual(in: source)
            } else {
                #expect(await failureKind { try await source.resolve() } == failure)
            }
        }
    }

    @Test(arguments: Layer.Packing.allCases, ["", ":app:1", ":@0"])
    func theLayoutOfOldDockersGetsTheManifestThatItLacks(packing: Layer.Packing, name: String) async throws {
        let image = try ArchivedTestImage(packing: packing)
        let members = image.legacyMembers + [dockerManifest([image.legacyEntry(["app:1"])])]
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            let source = try open("docker-archive:\(path)\(name)", in: directory)
            try await image.expectEqual(in: source)
            // So that the name goes with the image into the next archive.
            #expect(try await source.resolve().annotation(Annotation.imageName) == "docker.io/library/app:1")
        }
    }

    @Test func severalImagesOfOldDockersAreListed() async throws {
        let (first, second) = (try ArchivedTestImage("first"), try ArchivedTestImage("second"))
        let members =
            second.legacyMembers.filter { !$0.name.starts(with: "first".utf8) } + first.legacyMembers
            + [dockerManifest([first.legacyEntry(["a:1"]), second.legacyEntry(nil)])]
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            let needed = await #expect(throws: SavedImageFailure.self) {
                try await open("docker-archive:\(path)", in: directory).resolve()
            }
            #expect(needed?.kind == .usage)
            #expect(needed?.description.contains("2 images") == true && needed?.description.contains("'a:1'") == true)
            try await first.expectEqual(in: try open("docker-archive:\(path):@0", in: directory))
        }
    }

    @Test func theManifestsOfDocker25AreThoseOfTheArchive() async throws {
        let image = try ArchivedTestImage()
        let members =
            layoutMembers([image.entry(named: "app:1")]) + [dockerManifest([image.modernEntry(["app:1"])])]
            + image.blobs
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            for location in ["docker-archive:\(path)", "docker-archive:\(path):app:1", "docker-archive:\(path):@0"] {
                try await image.expectEqual(in: try open(location, in: directory))
            }
        }
    }

    @Test func anArchiveSaysWhichBlobsItLacks() async throws {
        let image = try ArchivedTestImage()
        let members = layoutMembers([image.entry()]) + Array(image.blobs.dropLast())
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            let source = try open("oci-archive:\(path)", in: directory)
            #expect(try await source.isAbsent(image.layers[1].descriptor))
            #expect(try await !source.isAbsent(image.layers[0].descriptor))
            #expect(try await !source.isAbsent(image.descriptor))
        }
    }
}

/// Runs `body` with a file of these bytes in a directory of its own.
func withArchive(
    _ bytes: [UInt8], _ body: (FilePath, FilePath) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let path = directory.appending("archive")
        try write(bytes, to: path)
        try await body(path, directory)
    }
}
