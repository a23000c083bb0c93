import Content
import OCI
import SystemPackage
import TestSupport
import Testing

@testable import Transports

/// Files that are not what they are said to be, and archives that mean harm.
@Suite(.timeLimit(.minutes(15)))
struct HostileArchiveTests {
    private static let zeros = [UInt8](repeating: 0, count: 2000)

    /// The bytes of a file, and what is said of it as an OCI archive and as one of docker.
    private static let otherFiles: [([UInt8], String, String)] = [
        ([], "it is empty", "it is empty"), (Array("PK\u{3}\u{4}rest".utf8), "a zip archive", "a zip archive"),
        ([0x7f] + Array("ELF".utf8) + zeros, "an ELF program", "an ELF program"),
        ([0xfd] + Array("7zXZ".utf8) + zeros, "xz", "xz"), (Array("BZh9".utf8) + zeros, "bzip2", "bzip2"),
        (Array(#" {"schemaVersion":2}"#.utf8), "JSON", "JSON"),
        (Array("no tar\n".utf8), "neither a tar", "neither a tar"),
        (
            Tar { file("etc/passwd", "root") }.bytes, "'oci-layout' in it, found files such as 'etc/passwd'",
            "'manifest.json'"
        ),
        (Tar {}.bytes, "it is empty", "it is empty"), (Tar { directory("a") }.bytes, "found no file", "found no file"),
        (Tar(prefix: "") { file("app/oci-layout", "{}") }.bytes, "in the directory 'app'", "in the directory 'app'"),
        (Tar { file("manifest.json", "[]") }.bytes, "use docker-archive:", "holds no image"),
        (
            Tar(.gnu, items: layoutMembers([])).bytes, "holds no image", "use oci-archive:"
        ),
        (Tar { file("repositories", "{}") }.bytes, "'oci-layout'", "saved by Docker before 1.10"),
    ]

    @Test(arguments: otherFiles)
    func aFileThatIsSomethingElseIsToldApart(bytes: [UInt8], oci: String, docker: String) async throws {
        for packed in [bytes, bytes.isEmpty ? bytes : try Layer.Packing.gzip.pack(bytes)] {
            try await withArchive(packed) { path, directory in
                try await expectFailure("oci-archive:\(path)", oci, in: directory)
                try await expectFailure("docker-archive:\(path)", docker, in: directory)
                #expect(try names(below: directory) == ["archive"])
            }
        }
    }

    @Test func aDirectoryIsNoArchive() async throws {
        try await withTemporaryDirectory { directory in
            try await expectFailure("oci-archive:\(directory)", "is a directory, not an archive", in: directory)
            try write([], to: directory.appending("oci-layout"))
            try await expectFailure("docker-archive:\(directory)", "use oci:\(directory)", in: directory)
            try await expectFailure("oci-archive:\(directory)/none", "No such file", in: directory)
        }
    }
    private static let harmfulMembers: [([TarItem], String)] = [
        ([file("../index.json", "{}")], "leads out of the archive"),
        ([file("/index.json", "{}")], "leads out of the archive"),
        ([file("a/../../index.json", "{}")], "leads out of the archive"),
        ([symlink("index.json", to: "/etc/passwd")], "leads out of the archive"),
        ([symlink("index.json", to: "../../../etc/passwd")], "leads out of the archive"),
        ([hardlink("index.json", to: "../etc/passwd")], "leads out of the archive"),
        ([symlink("index.json", to: "index.json")], "leads to itself"),
        ([symlink("index.json", to: "a"), symlink("a", to: "index.json")], "leads to itself"),
        ((0..<30).map { symlink($0 == 0 ? "index.json" : "\($0)", to: "\($0 + 1)") }, "through too many"),
        ([symlink("index.json", to: "/none")], "leads out"),
        ([symlink("index.json", to: "none")], "No such file"),
        ([file("index.json", [UInt8](repeating: 0x20, count: 5 << 20))], "at most 4194304 bytes"),
        ([file("index.json", [UInt8](repeating: UInt8(ascii: "["), count: 100_000))], "nest"),
        ([file("index.json", "{")], "index.json"),
        ([file("index.json", #"{"manifests":[{"mediaType":"a/b","digest":"sha256:../../x","size":1}]}"#)], "digest"),
        ([characterDevice("index.json", 1, 5)], "expected 'index.json'"),
        ([fifo("index.json")], "expected 'index.json'"),
        ([sparse(.pax10, "index.json", size: 1 << 40, [(0, "{}")])], "sparse"),
    ]

    @Test(arguments: harmfulMembers)
    func aMemberThatMeansHarmIsRefused(items: [TarItem], message: String) async throws {
        let members = [file("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)] + items
        try await withArchive(Tar(.pax, items: members).bytes) { path, directory in
            try await expectFailure("oci-archive:\(path)", message, in: directory)
        }
    }
    private static let harmfulManifests: [(String, String)] = [
        ("[", "manifest.json"), ("{}", "expected a list"), ("[{}]", "'Config'"), (#"[{"Config":"c"}]"#, "'Layers'"),
        (String(repeating: "[", count: 100_000), "nest"),
        (#"[{"Config":"../../etc/passwd","Layers":[]}]"#, "leads out of the archive"),
        (#"[{"Config":"/etc/passwd","Layers":[]}]"#, "leads out of the archive"),
        (#"[{"Config":"none","Layers":[]}]"#, "'none' is missing"),
        (#"[{"Config":"config","Layers":["../layer"]}]"#, "leads out of the archive"),
        (#"[{"Config":"config","Layers":["none"]}]"#, "'none' is missing"),
        (#"[{"Config":"config","Layers":["out"]}]"#, "leads out of the archive"),
        (#"[{"Config":"config","Layers":["loop"]}]"#, "leads to itself"),
        (#"[{"Config":"config","Layers":[]}]"#, "0 layers"), (#"[{"Config":"config","Layers":[1]}]"#, "'Layers'"),
        (#"[{"Config":"old","Layers":[]}]"#, "before 1.10"), (#"[{"Config":"loop","Layers":[]}]"#, "leads to itself"),
    ]

    @Test(arguments: harmfulManifests)
    func aManifestOfDockerThatMeansHarmIsRefused(manifest: String, message: String) async throws {
        let members = [
            file("manifest.json", manifest), symlink("out", to: "../../etc/passwd"), symlink("loop", to: "loop"),
            file("config", #"{"rootfs":{"diff_ids":["sha256:\#(String(repeating: "0", count: 64))"]}}"#),
            file("old", "{}"),
        ]
        try await withArchive(Tar(.gnu, items: members).bytes) { path, directory in
            try await expectFailure("docker-archive:\(path)", message, in: directory)
        }
    }

    @Test(arguments: [100, 600, 1500, 2600])
    func anArchiveThatEndsTooEarlyIsRefused(count: Int) async throws {
        let image = try ArchivedTestImage()
        let bytes = Tar(.ustar, items: layoutMembers([image.entry()]) + image.blobs).bytes
        try await withArchive(Array(bytes.prefix(count))) { path, directory in
            #expect(
                await failureKind { try await open("oci-archive:\(path)", in: directory).resolve() } == .invalid)
        }
    }

    @Test func aStreamThatEndsTooEarlyIsRefused() async throws {
        let image = try ArchivedTestImage()
        let bytes = try Layer.Packing.gzip.pack(
            Tar(.ustar, items: layoutMembers([image.entry()]) + image.blobs).bytes)
        try await withArchive(Array(bytes.dropLast(10))) { path, directory in
            try await expectFailure("oci-archive:\(path)", "ends too early", in: directory)
            #expect(try names(below: directory) == ["archive"])
        }
    }

    @Test func aStreamWithoutAnEndIsNotReadToIt() async throws {
        try await withTemporaryDirectory { directory in
            try await expectFailure("oci-archive:/dev/zero", "is empty", in: directory)
        }
    }

    @Test func moreMembersThanAnImageHasAreRefused() async throws {
        let header = Array(Tar { file("x") }.bytes.prefix(512))
        var bytes: [UInt8] = []
        for _ in 0...100_000 { bytes += header }
        try await withArchive(bytes + Self.zeros) { path, directory in
            try await expectFailure("oci-archive:\(path)", "at most 100000 members", in: directory)
        }
    }

    @Test func aBlobThatIsNotItsDigestIsRefused() async throws {
        let image = try ArchivedTestImage()
        let wrong = file("blobs/sha256/\(image.descriptor.digest.hex)", image.manifest.bytes.map { $0 ^ 1 })
        try await withArchive(Tar(.gnu, items: layoutMembers([image.entry()]) + [wrong]).bytes) { path, directory in
            let source = try open("oci-archive:\(path)", in: directory)
            #expect(await failureKind { try await source.document(try await source.resolve()) } == .invalid)
        }
    }

    @Test func indexesThatNameEachOtherManyTimesAreReadOnce() async throws {
        let image = try ArchivedTestImage()
        var root = image.descriptor
        var members = [
            file("manifest.json", #"[{"Config":"config","Layers":[]}]"#),
            file("config", #"{"rootfs":{"diff_ids":[]}}"#),
        ]
        for _ in 0..<3 {
            let entries = Array(repeating: String(decoding: root.json.text, as: UTF8.self), count: 2000)
            let index = try Document(parsing: Array(#"{"manifests":[\#(entries.joined(separator: ","))]}"#.utf8))
            members.append(file("blobs/sha256/\(index.digest.hex)", index.bytes))
            root = index.descriptor(.ociIndex)
        }
        try await withArchive(Tar(.gnu, items: layoutMembers([root.json]) + members + image.blobs).bytes) {
            path, directory in
            // Docker's own list is of another image, so that is searched for in vain.
            let found = try await open("docker-archive:\(path):@0", in: directory).resolve()
            #expect(found.digest != root.digest)
        }
    }

    private func expectFailure(_ location: String, _ message: String, in directory: FilePath) async throws {
        do {
            _ = try await open(location, in: directory).resolve()
            Issue.record("expected a failure that says '\(message)'")
        } catch let failure as any Failure {
            #expect(failure.description.contains(message), "\(failure)")
            #expect(!failure.description.contains("\n"))
            #expect(failure.kind != .io)
        }
    }
}
