import Archive
import Content
import EStargz
import TestSupport
import Testing

/// The order in which a layer is written when some of its files are wanted first.
struct PrioritisedOrderTests {
    /// What the reference library is tested with (`estargz/build_test.go`, "TestSort"), and what it lacks.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let tar: [TarItem]
        let wanted: [String]
        /// Of the result, without prefix and table of contents.
        let order: [String]

        init(_ name: String, _ wanted: [String], _ order: [String], @TarBuilder _ tar: () -> [TarItem]) {
            testDescription = name
            self.wanted = wanted
            self.order = order
            self.tar = tar()
        }
    }

    private static let prefetch = ".prefetch.landmark"
    private static let noPrefetch = ".no.prefetch.landmark"
    private static let long120 = String(repeating: "l", count: 120)
    private static let long150 = String(repeating: "m", count: 150)

    private static let cases = [
        Case("nothing is wanted", [], [noPrefetch, "foo.txt", "bar", "bar/baz.txt", "bar/bar.txt"]) {
            file("foo.txt", "f"); directory("bar"); file("bar/baz.txt", "z"); file("bar/bar.txt", "r")
        },
        Case(
            "the wanted order is that of the tar", ["foo.txt", "bar/baz.txt"],
            ["foo.txt", "bar", "bar/baz.txt", prefetch, "bar/bar.txt", "bar/baa.txt"]
        ) {
            file("foo.txt", "f"); directory("bar"); file("bar/baz.txt", "z"); file("bar/bar.txt", "r")
            file("bar/baa.txt", "a")
        },
        Case("files are shuffled", ["baa", "bar", "baz"], ["baa", "bar", "baz", prefetch, "foo"]) {
            file("foo", "f"); file("baz", "z"); file("bar", "r"); file("baa", "a")
        },
        Case(
            "directories are shuffled", ["baz/bazbaz/a", "baz/baz2", "foo"],
            [
                "baz", "baz/bazbaz", "baz/bazbaz/a", "baz/baz2", "foo", prefetch, "bar", "bar/bar", "bar/baa",
                "baz/baz1",
                "baz/bazbaz/b",
            ]
        ) {
            file("foo", "f"); directory("bar"); file("bar/bar", "r"); file("bar/baa", "a"); directory("baz")
            file("baz/baz1", "1"); file("baz/baz2", "2"); directory("baz/bazbaz"); file("baz/bazbaz/b", "b")
            file("baz/bazbaz/a", "a")
        },
        Case("the target of a link is wanted", ["baz"], ["baz", prefetch, "foo", "bar", "baa"]) {
            file("foo", "f"); file("baz", "z"); hardlink("bar", to: "baz"); file("baa", "a")
        },
        Case(
            "long names", ["bar/\(long150)", long120],
            ["bar", "bar/\(long150)", long120, prefetch, "foo", "bar/bar", "bar/baa"]
        ) {
            file("foo", "f"); file(long120, "1"); directory("bar"); file("bar/bar", "r"); file("bar/baa", "a")
            file("bar/\(long150)", "2")
        },
        Case(
            "all types", ["fifoo", "foo2", "foo", "fooblock"],
            ["fifoo", "foo2", "foo", "fooblock", prefetch, "foochar"]
        ) {
            file("foo", "f"); symlink("foo2", to: "foo"); characterDevice("foochar", 10, 50)
            blockDevice("fooblock", 15, 20); fifo("fifoo")
        },
        Case("a landmark is there", ["foo", "bar"], ["foo", "bar", prefetch, "baa", "baz"]) {
            file("baa", "a"); file("bar", "r"); file("baz", "z"); file(prefetch, "\u{f}"); file("foo", "f")
        },
        Case("a landmark is there, and nothing is wanted", [], [noPrefetch, "baa", "bar", "baz", "foo"]) {
            file("baa", "a"); file("bar", "r"); file("baz", "z"); file(prefetch, "\u{f}"); file("foo", "f")
        },
        Case("the other landmark is there", ["foo", "bar"], ["foo", "bar", prefetch, "baa", "baz"]) {
            file(noPrefetch, "\u{f}"); file("baa", "a"); file("bar", "r"); file("baz", "z"); file("foo", "f")
        },
        Case("the other landmark is there, and nothing is wanted", [], [noPrefetch, "baa", "bar", "baz", "foo"]) {
            file(noPrefetch, "\u{f}"); file("baa", "a"); file("bar", "r"); file("baz", "z"); file("foo", "f")
        },
        Case(
            "some are missing", ["baa", "dummy1", "bar", "dummy2"], ["baa", "bar", prefetch, "foo", "baz"]
        ) {
            file("foo", "f"); file("baz", "z"); file("bar", "r"); file("baa", "a")
        },
        Case("all are missing", ["dummy"], [noPrefetch, "foo", "baz"]) {
            file("foo", "f"); file("baz", "z")
        },
        Case(
            "landmarks and the table of contents are wanted", [prefetch, noPrefetch, "stargz.index.json"],
            [noPrefetch, "foo"]
        ) {
            file(prefetch, "\u{f}"); file("stargz.index.json", "{}"); file("foo", "f")
        },
        Case("an entry occurs twice", ["bar/baz"], ["bar", "bar/baz", prefetch, "foo"]) {
            file("foo", "f"); directory("bar"); file("bar/baz", "baz"); directory("bar"); file("bar/baz", "baz2")
        },
        Case("a path is wanted twice", ["b", "./b", "/b", "a"], ["b", "a", prefetch, "c"]) {
            file("a", "a"); file("b", "b"); file("c", "c")
        },
        Case("a hard link is wanted", ["bazlink"], ["baz", "bazlink", prefetch]) {
            file("baz", "z"); hardlink("bazlink", to: "baz")
        },
        Case(
            "a link is wanted whose target lies in another directory", ["l/link"],
            ["d", "d/file", "l", "l/link", prefetch, "a"]
        ) {
            file("a", "a"); directory("l"); directory("d"); file("d/file", "x"); hardlink("l/link", to: "d/file")
        },
        Case("a link to a link is wanted", ["three"], ["one", "two", "three", prefetch, "a"]) {
            file("a", "a"); file("one", "1"); hardlink("two", to: "one"); hardlink("three", to: "two")
        },
        Case("a link that stands before its target is wanted", ["link"], ["file", "link", prefetch, "a"]) {
            hardlink("link", to: "file"); file("a", "a"); file("file", "1")
        },
        Case(
            "the root has an entry", ["baa", "bazlink"], ["/", "baa", "baz", "bazlink", prefetch, "foo"]
        ) {
            directory("./"); file("foo", "f"); file("baz", "z"); file("baa", "a"); hardlink("bazlink", to: "baz")
        },
        Case("the root is wanted", ["/"], ["/", prefetch, "foo"]) {
            file("foo", "f"); directory("./")
        },
        Case("directories have no entry", ["x/y/f"], ["x/y/f", prefetch, "a"]) {
            file("a", "a"); file("x/y/f", "f")
        },
        Case("a directory in between has no entry", ["x/y/f"], ["x", "x/y/f", prefetch, "a"]) {
            file("a", "a"); directory("x"); file("x/y/f", "f")
        },
        Case("a directory stands behind what lies in it", ["x/f"], ["x", "x/f", prefetch, "a", "x/g"]) {
            file("a", "a"); file("x/f", "f"); file("x/g", "g"); directory("x")
        },
        Case("a directory is wanted, without what lies in it", ["x"], ["x", prefetch, "a", "x/f"]) {
            file("a", "a"); directory("x"); file("x/f", "f")
        },
        Case(
            "whiteouts of what is wanted", ["d/e/x", "b"],
            [".wh.d", "d", "d/.wh.e", "d/e", "d/e/.wh.x", "d/e/x", "b", prefetch, "a", ".wh.b", ".wh.c"]
        ) {
            file("a", "a"); file("b", "b"); file(".wh.b"); file(".wh.d"); directory("d"); file("d/.wh.e")
            directory("d/e"); file("d/e/.wh.x"); file("d/e/x", "x"); file(".wh.c")
        },
        Case("a directory is opaque", ["d/x"], ["d", "d/.wh..wh..opq", "d/x", prefetch, "a", "d/y"]) {
            file("a", "a"); directory("d"); file("d/.wh..wh..opq"); file("d/y", "y"); file("d/x", "x")
        },
        Case("an empty layer", ["x"], [noPrefetch]) {},
    ]

    private static let prefixes = ["", "./", "/", "../"]

    @Test(arguments: cases, Layer.Packing.allCases)
    func whatIsWantedComesFirst(of example: Case, packing: Layer.Packing) async throws {
        for prefix in Self.prefixes {
            let layer = try Layer(Tar(.gnu, prefix: prefix, items: example.tar).bytes, packing)
            let plain = try await layer.converted()
            for wantedPrefix in Self.prefixes {
                let sorted = try await layer.converted(first: example.wanted.map { wantedPrefix + $0 })
                let blob = try sorted.parsed()
                #expect(blob.names.map { EntryPath($0).description } == example.order, "\(prefix), \(wantedPrefix)")
                #expect(try blob.tree() == plain.parsed().tree())
                if example.order.first == Self.noPrefetch { #expect(sorted.bytes == plain.bytes) }
            }
        }
    }

    /// A reader prefetches what lies in front of the landmark's data.
    @Test func theLandmarkEndsWhatIsPrefetched() async throws {
        let tar = Tar {
            file("rest", String(repeating: "r", count: 5000)); file("first", String(repeating: "f", count: 5000))
        }
        let blob = try await Layer(tar.bytes).converted(first: ["first"]).parsed()
        let landmark = try #require(blob.entry(Self.prefetch)?["offset"]?.integer)
        #expect(try #require(blob.entry("first")?["offset"]?.integer) < landmark)
        #expect(try #require(blob.entry("rest")?["offset"]?.integer) > landmark)
        let digest = "sha256:dc0e9c3658a1a3ed1ec94274d8b19925c93e1abb7ddba294923ad9bde30f8cb8"
        #expect(blob.entry(Self.prefetch)?["chunkDigest"]?.string == digest)
    }

    @Test(arguments: AwkwardTar.all)
    func aLayerWithoutAnythingWantedIsTheSameAsWithoutAProfile(awkward: AwkwardTar) async throws {
        let layer = try Layer(awkward.tar.bytes)
        let sorted = try await layer.converted(chunkSize: 1000, first: ["is/not/there"])
        #expect(sorted.bytes == (try await layer.converted(chunkSize: 1000).bytes))
    }

    @Test(arguments: [UInt64](0..<24))
    func anyOrderLeavesTheSameTree(seed: UInt64) async throws {
        let layer = try Layer(Tar.random(seed: seed, .pax).bytes)
        let plain = try await layer.converted(chunkSize: 300).parsed()
        var generator = SeededGenerator(seed)
        let wanted = plain.names.filter { !$0.hasSuffix(".landmark") }.shuffled(using: &generator).prefix(5)
        let sorted = try await layer.converted(chunkSize: 300, first: Array(wanted)).parsed()
        #expect(try sorted.tree() == plain.tree())
    }

    @Test func theBytesDoNotDependOnTheNumberOfWorkers() async throws {
        let layer = try Layer(Tar.random(seed: 3, .gnu).bytes)
        let names = try await layer.converted().parsed().names.suffix(3)
        var results: Set<[UInt8]> = []
        for workers in [1, 2, 7] {
            results.insert(try await layer.converted(workers: workers, first: Array(names)).bytes)
        }
        #expect(results.count == 1)
    }

    @Test(.enabled(if: ReferenceReader.isExpected, "go is not installed"), arguments: cases)
    func theReferenceReaderSeesTheSameOrder(_ example: Case) async throws {
        let layer = try await Layer(Tar(.gnu, prefix: "./", items: example.tar).bytes).converted(first: example.wanted)
        let first = example.order.prefix { $0 != Self.prefetch }.map { $0 == "/" ? "" : $0 }
        let hasLandmark = first.count < example.order.count
        #expect(try await ReferenceReader.findings(in: layer, first: hasLandmark ? first : nil) == "")
    }
}
