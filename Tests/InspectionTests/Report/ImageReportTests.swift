import Archive
import Content
import EStargz
import OCI
import Profiles
import SystemPackage
import TestSupport
import Testing
import Transports

@testable import Inspection

/// What a report says of images that were made for it.
struct ImageReportTests {
    private static let line = StartEstimate.Line(bandwidth: 1_000_000, roundTrip: .milliseconds(10))

    /// Bytes that do not compress.
    private static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// A layer of more than a megabyte, with `bin/tool` and `lib/a` in front.
    private static let large = Tar {
        directory("bin"); file("bin/tool", noise(300_000, seed: 1))
        directory("lib"); file("lib/a", noise(100_000, seed: 2)); file("lib/b", noise(400_000, seed: 3))
        file("lib/empty"); file("share/text", [UInt8](repeating: 65, count: 500_000))
        hardlink("lib/same", to: "lib/b"); symlink("lib/link", to: "b")
    }
    private static let small = Tar { file("etc/motd", "hello") }

    @Test func sizesAreThoseOfTheBlobs() async throws {
        try await withReport([Self.large, Self.small]) { report, blobs in
            #expect(report.layers.map(\.size) == blobs.map { Int64($0.count) })
            #expect(report.size == Int64(blobs[0].count + blobs[1].count))
            let contents = try #require(report.layers[0].contents)
            #expect(contents.fileCount == 5)
            #expect(contents.entryCount == 5 + 2 + 2 + 1)
            #expect(contents.map.memberCount == 5, "four files with data, and a landmark")
            #expect(contents.map.files.map(\.path.description) == ["bin/tool", "lib/a", "lib/b", "share/text"])
            let blob = try EStargzBlob(blobs[0])
            #expect(contents.dataEnd == Int64(blob.tocOffset))
            #expect(contents.tocRange.upperBound + 51 == Int64(blobs[0].count))
            #expect(contents.prefetchEnd == blob.landmarkOffset)
            #expect(contents.prefetched.map(\.path.description) == ["bin/tool", "lib/a"])
            #expect(report.layers[1].contents?.landmark == .noPrefetchLandmark)
        }
    }

    @Test func filesThatDoNotCompressAreTold() async throws {
        try await withReport([Self.large]) { report, _ in
            let map = try #require(report.layers[0].contents?.map)
            #expect(map.largest(2).map(\.path.description) == ["lib/b", "bin/tool"])
            #expect(map.dense.map(\.path.description) == ["lib/b", "bin/tool", "lib/a"])
            for file in map.dense { #expect((file.size...file.size + 1000).contains(file.compressedSize)) }
            let text = try #require(map.files.last)
            #expect(text.size == 500_000 && text.compressedSize < 5000)
        }
    }

    /// Everything is within one region of the snapshotter: place, size and one request for all of it.
    @Test func aSmallLayerTakesThreeRequests() async throws {
        try await withReport([Self.small]) { report, blobs in
            let cost = report.start.before
            #expect(cost == StartEstimate.Cost(requests: 3, bytes: 2 + Int64(blobs[0].count), turns: 3))
            #expect(report.start.pull == StartEstimate.Cost(requests: 1, bytes: Int64(blobs[0].count), turns: 1))
            #expect(report.start.basis == .nothing)
            #expect(report.assumptions.contains { $0.hasPrefix("nothing is prefetched") })
        }
    }

    @Test func aStartTakesThePrefetchedFilesAndTheEnds() async throws {
        try await withReport([Self.large, Self.small]) { report, blobs in
            let region = RegionSet.regionSize
            let size = Int64(blobs[0].count)
            let contents = try #require(report.layers[0].contents)
            let prefetch = (contents.prefetchEnd + region - 1) / region * region
            let tail = size - contents.dataEnd / region * region
            #expect(report.start.basis == .prefetched)
            #expect(report.start.before.bytes == 2 + prefetch + tail + 2 + Int64(blobs[1].count))
            // Place, size, end and prefetch; the small layer at the same time.
            #expect(report.start.before.requests == 4 + 3)
            #expect(report.start.before.turns == 4)
            let bytes = Double(report.start.before.bytes)
            #expect(report.start.before.milliseconds(over: Self.line) == Int64((40 + bytes / 1000).rounded()))
        }
    }

    @Test(arguments: [
        ("bin/tool", [] as [String], 0), ("/lib/link", ["lib/b"], 1), ("lib/same", ["lib/b"], 1), ("nowhere", [], 0),
        ("etc/motd", [], 0),
    ])
    func aProfileTellsWhatIsOpenedLater(path: String, late: [String], requests: Int64) async throws {
        let profile = Profile([.init(.path(EntryPath(path)))])
        try await withReport([Self.large, Self.small], profile: profile) { report, _ in
            #expect(report.start.basis == .profile)
            #expect(report.start.onDemand.requests == requests)
            let use = try #require(report.profile)
            #expect(use.missing == (path == "nowhere" ? ["/nowhere"] : []))
            let contents = try #require(report.layers[0].contents)
            let names = contents.map.files.filter {
                use.files[0].contains($0.entry) && $0.range.lowerBound >= contents.prefetchEnd
            }.map(\.path.description)
            #expect(names == late)
            if let file = contents.map.files.first(where: { late.contains($0.path.description) }) {
                #expect(report.start.onDemand.bytes >= file.compressedSize - 2 * RegionSet.regionSize)
                #expect(report.start.onDemand.bytes <= file.compressedSize + 2 * RegionSet.regionSize)
            }
        }
    }

    @Test func eachChunkIsARequest() async throws {
        let profile = Profile([.init(.path(EntryPath("lib/b")))])
        try await withReport([Self.large], chunkSize: 100_000, profile: profile) { report, _ in
            #expect(report.start.onDemand.requests == 4)
            #expect(report.start.onDemand.turns == 4)
        }
    }

    @Test func containerdPullsTheFirstLayerThatIsNotLazyAndAllAbove() async throws {
        try await withReport([Self.small, Self.large, Self.small], lazy: [true, false, true]) { report, blobs in
            #expect(report.layers.map { $0.contents == nil } == [false, true, false])
            #expect(report.layers[1].reason == "the manifest names no table of contents for it")
            #expect(report.firstPulledLayer == 2)
            #expect(report.start.before.requests == 3 + 1 + 1)
            #expect(report.start.before.bytes == 2 + blobs.reduce(0) { $0 + Int64($1.count) })
            #expect(report.assumptions.contains { $0.hasPrefix("layer 2 is not lazy") })
        }
    }

    @Test(arguments: [(100, 102, "+2.0"), (1000, 999, "-0.1"), (3, 4, "+33.3"), (7, 7, "+0.0")])
    func growthIsAPercentage(old: Int64, new: Int64, text: String) {
        #expect(Growth(from: old, to: new)?.text == text)
    }

    @Test func nothingCannotGrow() {
        #expect(Growth(from: 0, to: 5) == nil)
        #expect(Growth(from: 1, to: .max)?.tenths == 1_000_000_000_000_000)
    }

    @Test func aSourceWithOtherLayersIsRefused() async throws {
        try await withTemporaryDirectory { directory in
            let one = try await Self.image([Self.small], in: directory.appending("one"))
            let two = try await Self.image([Self.small, Self.large], in: directory.appending("two"))
            let failure = await #expect(throws: SourceFailure.self) {
                try await ImageReport.read(
                    one.image, named: "x", source: two.image.image, profile: nil, line: Self.line)
            }
            #expect(failure.map { "\($0)" }?.contains("an image with 1 layers") == true)
            let report = try await ImageReport.read(
                one.image, named: "x", source: one.image.image, profile: nil, line: Self.line)
            #expect(report.growth?.text == "+0.0")
        }
    }

    /// A table with offsets outside the blob and numbers that are too large neither traps nor says impossible things.
    @Test(arguments: [Int64.max, 1 << 40, 0])
    func aTableThatLiesIsBorne(offset: Int64) async throws {
        let edit: (inout LayerPieces) -> Void = { pieces in
            pieces.edit("lib/a") { entry in
                entry["offset"] = .integer(offset)
            }
            pieces.edit(".prefetch.landmark") { $0["offset"] = .integer(offset) }
        }
        try await withReport([Self.large], edit: edit) { report, blobs in
            let size = Int64(blobs[0].count)
            let contents = try #require(report.layers[0].contents)
            #expect(contents.prefetchEnd <= size)
            #expect(contents.map.files.allSatisfy { $0.compressedSize <= size && $0.range.upperBound <= size })
            #expect(report.start.before.bytes <= size + 2)
        }
    }

    private static func image(
        _ tars: [Tar], lazy: [Bool]? = nil, chunkSize: Int64 = 4 << 20, edit: (inout LayerPieces) -> Void = { _ in },
        in directory: FilePath
    ) async throws -> (image: LazyImage, blobs: [[UInt8]]) {
        var layers: [BuiltTestLayer] = []
        for (position, tar) in tars.enumerated() {
            guard lazy?[position] ?? true else {
                layers.append(try BuiltTestLayer(gzip: tar.bytes))
                continue
            }
            let first = position == 0 && tar.bytes.count > 100_000 ? ["bin/tool", "lib/a"] : nil
            var pieces = try LayerPieces(try await Layer(tar.bytes).converted(chunkSize: chunkSize, first: first))
            edit(&pieces)
            layers.append(try pieces.layer())
        }
        var layout = try LayoutBuilder(at: directory)
        try layout.tag(try layout.putImage(layers))
        let source = ImageLayout(directory, tag: "latest")
        let image = LazyImage(
            try await PlatformImage(of: source, platform: nil), from: source, tables: ExternalTables { nil },
            named: "image",
            InspectionOptions(temporaryDirectory: directory))
        return (image, layers.map(\.blob))
    }

    private func withReport(
        _ tars: [Tar], lazy: [Bool]? = nil, chunkSize: Int64 = 4 << 20, profile: Profile? = nil,
        edit: (inout LayerPieces) -> Void = { _ in }, _ body: (ImageReport, [[UInt8]]) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let (image, blobs) = try await Self.image(tars, lazy: lazy, chunkSize: chunkSize, edit: edit, in: directory)
            let report = try await ImageReport.read(
                image, named: "oci:image", source: nil, profile: profile, line: Self.line)
            try await body(report, blobs)
        }
    }
}

extension EStargzBlob {
    /// Where the member of the landmark begins.
    fileprivate var landmarkOffset: Int64? {
        (try? JSON(parsing: tocText))?["entries"]?.array?.first { $0["name"]?.string == ".prefetch.landmark" }?[
            "offset"]?
            .integer
    }
}
