import Archive
import Content
import Conversion
import EStargz
import OCI
import Profiles
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Transports

/// Profiles applied to whole images.
struct ProfileTests {
    private static let landmark = PlacedLayer.landmark
    private static let noLandmark = PlacedLayer.noLandmark

    /// What stands in front of the landmark in each layer of an image that is made of these, and profiled so.
    private func prefetched(_ tars: [Tar], _ profile: Profile) async throws -> [[String]] {
        try await withImages([tars]) { place in
            try await place.convert(profile)
            return try place.layers().map { try $0.prefetched }
        }
    }

    private func paths(_ paths: String...) -> Profile {
        Profile(paths.map { .init(.path(EntryPath($0))) })
    }

    // MARK: - Where a path leads

    @Test func theTopmostLayerThatProvidesAPathHasItFirst() async throws {
        let lower = Tar {
            directory("etc"); file("etc/a", "1"); file("etc/b", "1")
        }
        let upper = Tar {
            file("other", "2"); file("etc/b", "2")
        }
        #expect(try await prefetched([lower, upper], paths("/etc/b", "etc/a")) == [["etc", "etc/a"], ["etc/b"]])
    }

    @Test func whatUpperLayersDeletedIsNotPrefetched() async throws {
        let lower = Tar {
            file("a/gone", "1"); file("b/gone", "1"); file("c/d/gone", "1"); file("kept", "1")
        }
        let upper = Tar {
            file("a/.wh.gone"); file("b/.wh..wh..opq"); file(".wh.c")
        }
        let profile = paths("a/gone", "b/gone", "c/d/gone", "kept")
        #expect(try await prefetched([lower, upper], profile) == [["kept"], []])
    }

    @Test func linksAreFollowedThroughTheLayersAndPutFirstAsWell() async throws {
        let base = Tar {
            symlink("bin", to: "usr/bin"); directory("usr"); directory("usr/bin"); file("usr/bin/python3.11", "elf")
        }
        let upper = Tar {
            file("app", "x"); symlink("usr/bin/python3", to: "python3.11")
        }
        #expect(
            try await prefetched([base, upper], paths("/bin/python3"))
                == [["bin", "usr", "usr/bin", "usr/bin/python3.11"], ["usr/bin/python3"]])
    }

    @Test(arguments: [
        ("a", "b"), ("/a", "/b"), ("a", "../../../b"), ("d/a", "../b"), ("d/a", "/../b"),
    ])
    func linksThatLeadOutEndInTheRoot(link: String, target: String) async throws {
        let tar = Tar {
            file("other", "x"); file("b", "1"); symlink(link, to: target)
        }
        #expect(try await prefetched([tar], paths(link)) == [[EntryPath(link).description, "b"]])
    }

    @Test func linksInACircleLeadNowhere() async throws {
        let tar = Tar {
            symlink("a", to: "b"); symlink("b", to: "a"); symlink("self", to: "self/x"); file("f", "x")
        }
        try await withImages([[tar]]) { place in
            let report = try await place.convert(paths("a", "self", "f"))
            #expect(try place.layers().map { try $0.prefetched } == [["f"]])
            #expect(report.warnings == ["2 of the profile's paths are not in linux/amd64: /a, /self"])
        }
    }

    @Test func hardLinkTargetsAndDirectoriesComeFirstAndNoMissingParentIsAnError() async throws {
        let tar = Tar {
            file("rest", "r"); directory("a"); file("a/file", "x"); hardlink("b/link", to: "a/file")
            file("no/entry/above", "y")
        }
        #expect(
            try await prefetched([tar], paths("b/link", "no/entry/above"))
                == [["a", "a/file", "b/link", "no/entry/above"]])
    }

    @Test func ofADirectoryItsOwnEntryComesFirst() async throws {
        let tar = Tar {
            file("rest"); directory("d"); file("d/a"); directory("d/e"); file("d/e/b")
        }
        #expect(try await prefetched([tar], paths("d", "no/such")) == [["d"]])
        let implied = Tar {
            file("rest"); file("d/a")
        }
        #expect(try await prefetched([implied], paths("d")) == [[]])
    }

    @Test func landmarksAndTablesOfContentsArePassedOver() async throws {
        let tar = Tar {
            file(Self.landmark, "\u{f}"); file("a", "x"); file("stargz.index.json", "{}");
            file("d/\(Self.landmark)", "y")
        }
        try await withImages([[tar]]) { place in
            let report = try await place.convert(
                paths(Self.landmark, Self.noLandmark, "stargz.index.json", "d/\(Self.landmark)"))
            #expect(try place.layers()[0].names == ["d/\(Self.landmark)", Self.landmark, "a"])
            #expect(report.warnings == [])
        }
    }

    @Test(arguments: 0..<4)
    func whatPatternsMatchComesInTheOrderOfItsBytesEachTime(run: Int) async throws {
        var generator = SeededGenerator(UInt64(run))
        let names = ["z", "b", "é", "a", "Z"].shuffled(using: &generator)
        let tar = Tar {
            for name in names { file("d/\(name).so", name) }
            file("d/other")
        }
        let profile = try Profile(parsing: Array("d/other\nd/*.so".utf8))
        #expect(
            try await prefetched([tar], profile) == [["d/other", "d/Z.so", "d/a.so", "d/b.so", "d/z.so", "d/é.so"]])
    }

    // MARK: - What a recorder noted

    @Test func theLayerThatTheProfileNamesIsMeantInThisImageAlone() async throws {
        let lower = Tar {
            file("rest", "1"); file("f", "1")
        }
        let upper = Tar {
            file("rest2", "2"); file("f", "2")
        }
        try await withImages([[lower, upper]]) { place in
            func profile(_ manifest: Digest, _ layer: Int?) -> Profile {
                Profile([.init(.path(EntryPath("f")), origin: .init(manifest: manifest, layer: layer))])
            }
            let this = place.images[0].digest
            let other = Digest(of: Array("other".utf8))
            for (name, profile, expected) in [
                ("lower", profile(this, 0), [["f"], []]), ("upper", profile(this, 1), [[], ["f"]]),
                ("no number", profile(this, nil), [[], ["f"]]), ("no such layer", profile(this, 7), [[], ["f"]]),
                ("negative", profile(this, -1), [[], ["f"]]), ("other image", profile(other, 0), [[], ["f"]]),
            ] {
                try await place.convert(profile, to: name)
                #expect(try place.layers(in: name).map { try $0.prefetched } == expected, "\(name)")
            }
        }
    }

    /// Two layers with the same blob each have a list of their own.
    @Test func equalLayersOfAnImageMayHaveDifferentOrders() async throws {
        let twice = Tar {
            file("a", "1"); file("b", "1")
        }
        try await withImages([[twice, Tar { file("c") }, twice]]) { place in
            let this = place.images[0].digest
            let report = try await place.convert(
                Profile([
                    .init(.path(EntryPath("a")), origin: .init(manifest: this, layer: 0)),
                    .init(.path(EntryPath("b")), origin: .init(manifest: this, layer: 2)),
                ]))
            #expect(try place.layers().map { try $0.prefetched } == [["a"], [], ["b"]])
            #expect(report.layers.count == 3)
        }
    }

    @Test func aLogOfANodeIsNarrowedToTheLayersOfTheImage() async throws {
        let tar = Tar {
            file("rest", "1"); file("f", "1"); file("g", "1")
        }
        try await withImages([[tar]]) { place in
            let blob = try BuiltTestLayer(gzip: tar.bytes).descriptor.digest
            func log(_ blob: Digest) -> Profile {
                Profile([
                    .init(.path(EntryPath("f")), blob: blob),
                    .init(.path(EntryPath("g")), blob: Digest(of: [1])),
                    .init(.path(EntryPath("x")), blob: Digest(of: [1])),
                ])
            }
            let report = try await place.convert(log(blob))
            #expect(try place.layers().map { try $0.prefetched } == [["f"]])
            #expect(report.warnings == [])
            // A log of the converted image says nothing of the layers of its source.
            try await place.convert(log(Digest(of: [2])), to: "other")
            #expect(try place.layers(in: "other").map { try $0.prefetched } == [["f", "g"]])
        }
    }

    @Test func theReportHasWhatWasPutFirstWithItsPlaces() async throws {
        let lower = Tar {
            symlink("l", to: "d/f"); file("d/f", "1")
        }
        try await withImages([[lower, Tar { file("d/g", "2") }]]) { place in
            let report = try await place.convert(paths("d/g", "l", "gone", "d/f"))
            let this = place.images[0].digest
            #expect(
                report.profile.entries
                    == [("d/g", 1), ("l", 0), ("d/f", 0)].map {
                        Profile.Entry(.path(EntryPath($0.0)), origin: .init(manifest: this, layer: $0.1))
                    })
            // It leads to the same image.
            try await place.convert(report.profile, to: "again")
            #expect(try place.layers() == (try place.layers(in: "again")))
        }
    }

    // MARK: - What is missing

    @Test func missingPathsAreCountedAndWithStrictAnErrorBeforeAnythingIsWritten() async throws {
        try await withImages([[Tar { file("a") }]]) { place in
            let profile = paths("a", "m1", "m2", "m3", "m4", "m5", "m6")
            let report = try await place.convert(profile)
            #expect(
                report.warnings == ["6 of the profile's paths are not in linux/amd64: /m1, /m2, /m3, /m4, /m5, …"])
            let failure = await #expect(throws: ContextualFailure.self) {
                try await place.convert(profile, to: "strict") { $0.isStrict = true }
            }
            #expect(failure?.kind == .invalid)
            #expect(failure?.description.hasPrefix("profile of linux/amd64: 6 of the profile's paths") == true)
            #expect(try !names(below: place.directory).contains { $0.hasPrefix("strict") })
            try await place.convert(paths("a"), to: "strict") { $0.isStrict = true }
        }
    }

    // MARK: - What stays

    @Test func layersThatAProfileDoesNotTouchKeepTheirBytes() async throws {
        let tars = [
            Tar {
                file("a", "1"); file("d/b", "1")
            },
            Tar {
                file("twice", "1"); hardlink("l", to: "twice"); file("twice", "2")
            },
            Tar {
                file("one", "1"); hardlink("two", to: "one"); hardlink("three", to: "two")
            },
            Tar { hardlink("dangling", to: "elsewhere") },
            Tar {
                hardlink("circle/a", to: "circle/b"); hardlink("circle/b", to: "circle/a")
            },
            Tar { file(Array("caf".utf8) + [0xe9], []) },
            Tar {},
        ]
        try await withImages([tars]) { place in
            let plain = try await place.convert(nil, to: "plain")
            let sorted = try await place.convert(paths("d/b", "dangling", "circle/a"))
            let (before, after) = (try place.layers(in: "plain"), try place.layers())
            #expect(try after[0].prefetched == ["d/b"] && before[0] != after[0])
            #expect(before.dropFirst() == after.dropFirst())
            #expect(sorted.layers.map(\.action) == plain.layers.map(\.action))
            #expect(sorted.layers.map(\.action) == [.convert, .convert, .convert, .keep, .keep, .keep, .convert])
            #expect(sorted.layers.map(\.reason) == plain.layers.map(\.reason))
            #expect(sorted.layers.map { $0.prefetchSize == nil } == [false, true, true, true, true, true, true])
            let nothing = try await place.convert(paths("gone"), to: "nothing")
            #expect(nothing.result?.digest == plain.result?.digest)
            for profile in [paths("a"), Profile()] {
                let kind = await failureKind { try await place.convert(profile, to: "strict") { $0.isStrict = true } }
                #expect(kind == .unsupported)
            }
        }
    }

    @Test func layersThatAreNoTarsStayOutOfIt() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory.appending("source"))
            let foreign = BuiltTestLayer(
                [], diffID: Digest(of: [1]),
                type: MediaType("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"))
            let statement = BuiltTestLayer(
                Array("{}".utf8), diffID: Digest(of: [2]), type: MediaType("application/vnd.in-toto+json"))
            let layer = try BuiltTestLayer(
                gzip: Tar {
                    file("rest"); file("a")
                }.bytes)
            let image = try layout.putImage([foreign, layer, statement])
            try layout.tag(image)
            let report = try await ProfiledPlace(directory: directory, images: [image]).convert(paths("a"))
            #expect(report.layers.map(\.action) == [.skip, .convert, .copy])
            #expect(report.profile.entries.map(\.origin?.layer) == [1])
        }
    }

    @Test func aConvertedImageIsSortedAsItsSourceIs() async throws {
        let tar = Tar {
            file("a", "1"); file("b", "2"); file("c", "3")
        }
        try await withImages([[tar]]) { place in
            try await place.convert(paths("b"), to: "once")
            try await place.convert(paths("c", "a"))
            try await place.convert(paths("c", "a"), to: "again", from: "once")
            #expect(try place.layers()[0].names == ["c", "a", Self.landmark, "b"])
            #expect(try place.layers(in: "again")[0].names == ["c", "a", Self.landmark, "b"])
        }
    }

    // MARK: - Platforms

    @Test func everyPlatformIsOptimizedAndSharedLayersMayDiffer() async throws {
        let shared = Tar {
            file("rest"); file("a", "1"); file("b", "1")
        }
        let amd64 = Tar { file("only/amd64", "x") }
        let arm64 = Tar {
            file(".wh.a"); file("only/arm64", "y")
        }
        try await withImages([[shared, amd64], [shared, arm64]]) { place in
            let events = Mutex<[LayerReport.Action]>([])
            let report = try await place.convert(
                paths("only/arm64", "only/amd64", "a", "b"),
                events: { event in
                    if case .finished(_, let report) = event { events.withLock { $0.append(report.action) } }
                })
            #expect(try place.layers(of: 0).map { try $0.prefetched } == [["a", "b"], ["only/amd64"]])
            #expect(try place.layers(of: 1).map { try $0.prefetched } == [["b"], ["only/arm64"]])
            #expect(report.layers.count == 4)
            #expect(
                report.warnings == [
                    "1 of the profile's paths are not in linux/amd64: /only/arm64",
                    "2 of the profile's paths are not in linux/arm64: /only/amd64, /a",
                ])
            // Each blob was read once, although the shared one was written twice.
            #expect(events.withLock { $0.filter { $0 == .read } }.count == 3)
            // What was recorded for one platform need not be in the other.
            let again = try await place.convert(report.profile, to: "again") { $0.isStrict = true }
            #expect(again.warnings == [])
            #expect(again.result?.digest == report.result?.digest)
        }
    }

    @Test(arguments: [1, 3])
    func theNumberOfJobsDoesNotChangeTheResult(jobs: Int) async throws {
        let tars = (0..<5).map { number in
            Tar {
                file("rest\(number)"); file("f\(number)", "\(number)")
            }
        }
        try await withImages([tars, tars.reversed()]) { place in
            let profile = paths("f4", "f1", "f3")
            let report = try await place.convert(profile, to: "many") { $0.jobs = 8 }
            let other = try await place.convert(profile) { $0.jobs = jobs }
            #expect(report.result?.digest == other.result?.digest)
        }
    }

    @Test func aDryRunReadsNothing() async throws {
        try await withImages([[Tar { file("a") }]]) { place in
            let report = try await place.convert(paths("gone")) {
                $0.isDryRun = true
                $0.isStrict = true
            }
            #expect(report.layers.map(\.action) == [.convert])
            #expect(report.profile.entries == [])
        }
    }

    @Test func whatTheProfilerThrowsKeepsTheImageFromBeingWritten() async throws {
        struct Broken: Profiler {
            func profile(of image: ReadableImage) throws -> Profile { throw CancellationError() }
        }
        try await withImages([[Tar { file("a") }]]) { place async throws in
            await #expect(throws: CancellationError.self) { try await place.convert(Broken()) }
            #expect(try !names(below: place.directory).contains { $0.hasPrefix("result") })
        }
    }

    /// A profiler sees the merged image, and reads files of it.
    @Test func aProfilerReadsTheFilesOfTheImage() async throws {
        struct Reading: Profiler {
            func profile(of image: ReadableImage) async throws -> Profile {
                let node = try #require(image.tree[EntryPath("list")])
                let size = image.tree.entry(of: node).size
                let place = try #require(node.file)
                let bytes = try await image.contents.bytes(of: place, in: 0..<size)
                return try Profile(parsing: bytes)
            }
        }
        let lower = Tar {
            file("rest"); file("x"); file("list", "/rest")
        }
        try await withImages([[lower, Tar { file("list", "/x\n/list") }]]) { place in
            try await place.convert(Reading())
            #expect(try place.layers().map { try $0.prefetched } == [["x"], ["list"]])
        }
    }
}
