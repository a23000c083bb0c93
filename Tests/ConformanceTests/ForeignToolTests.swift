import Content
import EStargz
import SystemPackage
import TestSupport
import Testing

/// Programs that know nothing of eStargz read what we write, and write what we read.
struct ForeignToolTests {
    private static let tar = Tar(.pax) {
        directory("etc")
        file("etc/motd", "hi")
        hardlink("motd", to: "etc/motd")
        symlink("link", to: "etc/motd")
        sparse(.pax10, "sparse", size: 5000, [(3000, "data")])
        file("naïve", [UInt8](repeating: 0x61, count: 10_000))
    }

    private func withFile<Result>(
        _ bytes: [UInt8], _ body: (FilePath) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try write(bytes, to: path)
            return try await body(path)
        }
    }

    @Test(.enabled(if: Command.isExpected("gzip"), "gzip is not installed"))
    func gzipFindsTheLayerSound() async throws {
        let layer = try await Layer(Self.tar.bytes).converted(chunkSize: 1000)
        try await withFile(layer.bytes) { path in
            let gzip = try await Command.run("sh", ["-c", "gzip -t < \(path) && gzip -dc < \(path) | sha256sum"])
            #expect(gzip.status == 0 && gzip.errors == "")
            #expect(gzip.output.hasPrefix(layer.built.diffID.hex))
        }
    }

    @Test(.enabled(if: Command.isExpected("bsdtar"), "bsdtar is not installed"), arguments: AwkwardTar.all)
    func bsdtarListsWhatTheTableOfContentsLists(awkward: AwkwardTar) async throws {
        let layer = try await Layer(awkward.tar.bytes).converted()
        // bsdtar puts names that are hard to print in its own words.
        let names = try layer.parsed().names
        guard names.allSatisfy({ $0.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x5c } }) else { return }
        try await withFile(layer.bytes) { path in
            let bsdtar = try await Command.run("bsdtar", ["-tf", path.string])
            #expect(bsdtar.status == 0 && bsdtar.errors == "")
            #expect(bsdtar.output.split(separator: "\n").map(String.init) == names + ["stargz.index.json"])
        }
    }

    @Test(arguments: [
        ["gzip", "-c"], ["gzip", "-1", "-c"], ["zstd", "-q", "-c"], ["zstd", "-q", "-19", "--check", "-c"],
        ["zstd", "-q", "--no-content-size", "-c"],
    ])
    func whatOthersCompressIsRead(command: [String]) async throws {
        guard Command.isExpected(command[0]) else { return }
        let tar = Self.tar.bytes
        let expected = try await Layer(tar).converted()
        try await withFile(tar) { path in
            let run = try await Command.run("sh", ["-c", "\(command.joined(separator: " ")) \(path) > \(path).packed"])
            #expect(run.status == 0)
            let packed = try FileSlice(opening: FilePath(path.string + ".packed")).bytes()
            #expect(packed != tar)
            let layer = try await Layer(blob: packed, diffID: Digest(of: tar)).converted()
            #expect(layer.bytes == expected.bytes)
        }
    }

    @Test(
        .enabled(if: Command.isExpected("tar"), "tar is not installed"), arguments: ["gnu", "pax", "ustar", "oldgnu"])
    func whatTarWritesIsRead(format: String) async throws {
        try await withTemporaryDirectory { directory in
            let script = """
                set -e
                mkdir -p tree/deep/er && cd tree
                printf 'hello' > deep/er/file && ln deep/er/file hard && ln -s deep/er/file soft
                mkfifo deep/pipe && : > empty && truncate -s 100000 holes && printf 'x' >> holes
                touch -d '1999-12-31 23:59:59.75 UTC' empty
                chmod 4755 hard
                tar --format=\(format) \(format == "ustar" ? "" : "--sparse") -cf ../layer.tar .
                """
            let run = try await Command.run("sh", ["-c", script], in: directory)
            #expect(run.status == 0, "\(run.errors)")
            let tar = try FileSlice(opening: directory.appending("layer.tar")).bytes()
            let tree = try await Layer(tar).converted(chunkSize: 1000).parsed().tree()
            #expect(tree.nodes["deep/er/file"]?.kind == .file(Array("hello".utf8)))
            #expect(tree.nodes["deep/er/file"]?.names == ["deep/er/file", "hard"])
            #expect(tree.nodes["hard"]?.mode == 0o4755)
            #expect(tree.nodes["soft"]?.kind == .symlink("deep/er/file"))
            #expect(tree.nodes["deep/pipe"]?.kind == .fifo)
            #expect(tree.nodes["holes"]?.kind == .file([UInt8](repeating: 0, count: 100_000) + [0x78]))
            #expect([946_684_799, 946_684_800].contains(tree.nodes["empty"]?.modified))
        }
    }
}
