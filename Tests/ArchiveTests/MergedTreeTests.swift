import Archive
import Content
import SystemPackage
import TestSupport
import Testing

/// What a container sees of several layers.
struct MergedTreeTests {
    private func tree(_ tars: Tar...) throws -> MergedTree {
        MergedTree(try tars.map { try inflated($0).entries })
    }

    private func paths(_ tree: MergedTree, below path: EntryPath = .root) -> [String] {
        tree.children(of: path).flatMap { [$0.path.description] + paths(tree, below: $0.path) }
    }

    private func layer(_ tree: MergedTree, _ path: String) -> Int? { tree[EntryPath(path)]?.file?.layer }

    /// A path of n bytes names n/2 directories, which take n²/4 bytes.
    @Test func entriesThatAreLeftOutAreCounted() {
        let tree = MergedTree([
            (0..<20).map { number in
                TarEntry(
                    name: "\(number)" + String(repeating: "/d", count: 2000), kind: .regular(size: 0),
                    header: .literal([]))
            }
        ])
        #expect((1...5).contains(tree.omitted))
        #expect(MergedTree([[TarEntry(name: "a/b", kind: .fifo, header: .literal([]))]]).omitted == 0)
    }

    @Test func theTopmostLayerThatHasAPathProvidesIt() throws {
        let tree = try tree(
            Tar {
                directory("etc"); file("etc/a", "1"); file("etc/b", "1")
            },
            Tar {
                file("./etc/b", "2"); file("/c", "2")
            })
        #expect(paths(tree) == ["c", "etc", "etc/a", "etc/b"])
        #expect(layer(tree, "etc/a") == 0 && layer(tree, "etc/b") == 1 && layer(tree, "etc") == 0)
    }

    @Test func aWhiteoutTakesAwayWhatLiesBelowAlone() throws {
        let tree = try tree(
            Tar {
                directory("d"); file("d/gone", "1"); directory("d/old"); file("d/old/x", "1")
            },
            Tar {
                file("d/new", "2"); file("d/.wh.gone"); file("d/.wh.old"); file("d/gone", "2")
            })
        #expect(paths(tree) == ["d", "d/gone", "d/new"])
        #expect(layer(tree, "d/gone") == 1)
    }

    @Test func anOpaqueDirectoryHidesWhatLiesBelow() throws {
        let tree = try tree(
            Tar {
                directory("d"); file("d/a", "1"); directory("d/e"); file("d/e/b", "1")
            },
            Tar {
                directory("d"); file("d/c", "2"); file("d/.wh..wh..opq")
            })
        #expect(paths(tree) == ["d", "d/c"])
    }

    @Test func whiteoutsOfAncestorsCount() throws {
        let tree = try tree(
            Tar { file("a/b/c", "1") }, Tar { file(".wh.a") }, Tar { file("a/b/d", "3") })
        #expect(paths(tree) == ["a", "a/b", "a/b/d"])
    }

    @Test func aDirectoryAndAFileReplaceEachOther() throws {
        let tree = try tree(
            Tar {
                file("d/x", "1"); file("f", "1")
            },
            Tar {
                file("d", "2"); file("f/x", "2")
            })
        #expect(paths(tree) == ["d", "f", "f/x"])
        #expect(tree[EntryPath("f")].map(tree.kind) == .directory)
    }

    @Test func aDirectoryWithoutAnEntryBelongsToRoot() throws {
        let tree = try tree(Tar { file("a/b", "1") })
        let node = try #require(tree[EntryPath("a")])
        let entry = tree.entry(of: node)
        #expect(node.file == nil && entry.kind == .directory && entry.mode == 0o755 && entry.user.id == 0)
    }

    @Test func hardLinksShareTheFileAlsoAcrossLayersAndForward() throws {
        let tree = try tree(
            Tar {
                hardlink("early", to: "f"); file("f", "data"); hardlink("again", to: "early")
            },
            Tar {
                hardlink("late", to: "f"); file("f", "new")
            })
        #expect(tree.danglingLinks.isEmpty)
        for name in ["early", "again", "late"] {
            let node = try #require(tree[EntryPath(name)])
            #expect(node.file == MergedTree.Place(layer: 0, entry: 1))
            #expect(tree.kind(of: node) == .regular(size: 4))
            #expect(tree.entry(of: node).path == EntryPath(name))
        }
        #expect(layer(tree, "f") == 1)
    }

    @Test func linksToNothingToThemselvesAndToDirectoriesAreLeftOut() throws {
        let tree = try tree(
            Tar {
                hardlink("self", to: "self"); hardlink("a", to: "b"); hardlink("b", to: "a"); directory("d")
                hardlink("toDirectory", to: "d")
            })
        #expect(paths(tree) == ["d"])
        #expect(tree.danglingLinks.count == 4)
    }

    @Test(arguments: [
        ("usr/bin/python3", "usr/bin/python3.11", 2), ("/bin/python3", "usr/bin/python3.11", 3),
        ("bin/../bin/sh", "usr/bin/sh", 1), ("../../bin/sh", "usr/bin/sh", 1), ("abs", "usr/bin/sh", 2),
        ("bin/none", nil, 1), ("loop", nil, 41), ("usr/bin/sh/x", nil, 0), ("up", "", 1),
    ])
    func aPathLeadsThroughLinks(path: String, expected: String?, links: Int) throws {
        let tree = try tree(
            Tar {
                symlink("bin", to: "usr/bin"); symlink("usr/bin/python3", to: "/etc/alternatives/python3")
                symlink("loop", to: "./loop"); symlink("abs", to: "/bin/sh"); symlink("up", to: "../..")
            },
            Tar {
                symlink("etc/alternatives/python3", to: "../../usr/bin/python3.11"); file("usr/bin/python3.11", "p")
                file("usr/bin/sh", "s")
            })
        let resolution = tree.resolve(Array(path.utf8))
        #expect(resolution.node?.path == expected.map { EntryPath($0) })
        #expect(resolution.links.count == links)
    }

    @Test func aLinkAtTheEndMayStay() throws {
        let tree = try tree(
            Tar {
                symlink("l", to: "f"); file("f", "x")
            })
        #expect(tree.resolve(Array("l".utf8), followsLast: false).node?.path == EntryPath("l"))
    }

    @Test func hiddenPathsAreNoPartOfTheTree() throws {
        let entries = try inflated(
            Tar {
                file("stargz.index.json", "x"); file("d/stargz.index.json", "x")
            }
        ).entries
        let tree = MergedTree([entries], hiding: [EntryPath("stargz.index.json")])
        #expect(paths(tree) == ["d", "d/stargz.index.json"])
    }

    @Test func partsOfFilesComeOutOfTheInflatedLayer() throws {
        let layer = try inflated(
            Tar(.gnu) {
                file("a", "hello world"); sparse(.gnu, "s", size: 2000, [(offset: 512, bytes: "data")])
            })
        #expect(try layer.bytes(of: 0, in: 6..<11) == Array("world".utf8))
        let holes = [UInt8](repeating: 0, count: 2)
        #expect(try layer.bytes(of: 1, in: 510..<518) == holes + Array("data".utf8) + holes)
        #expect(try layer.bytes(of: 1, in: 2000..<2000).isEmpty)
    }

    @Test func filesOfManyHolesAreReadAnywhere() throws {
        let regions = (0..<200).map { number -> (offset: Int64, bytes: String) in
            (512 + 1024 * Int64(number), String(repeating: "x", count: 512))
        }
        let layer = try inflated(Tar(.pax) { sparse(.pax10, "s", size: 512 + 1024 * 200, regions) })
        let whole = try layer.bytes(of: 0, in: 0..<layer.entries[0].size)
        let pair = [UInt8](repeating: 0, count: 512) + [UInt8](repeating: 0x78, count: 512)
        let expected = Array((0..<200).map { _ in pair }.joined()) + [UInt8](repeating: 0, count: 512)
        #expect(whole == expected)
        for start in stride(from: Int64(0), to: layer.entries[0].size - 1500, by: 333) {
            let part = Array(whole[Int(start)..<Int(start) + 1500])
            #expect(try layer.bytes(of: 0, in: start..<start + 1500) == part, "\(start)")
        }
    }
}

/// The layer that a tar makes.
private func inflated(_ tar: Tar) throws -> InflatedLayer {
    let bytes = tar.bytes
    let digest = Digest(of: bytes)
    return try InflatedLayer(
        bytes, expecting: LayerIdentity(digest: digest, size: Int64(bytes.count), diffID: digest), limit: 1 << 30,
        in: FilePath("/tmp")
    ) { _ in }
}

/// What layers cost that are made to cost much.
@Suite(.timeLimit(.minutes(10)))
struct ExpensiveLayerTests {
    private func entry(_ name: String, _ kind: TarEntry.Kind = .regular(size: 0)) -> TarEntry {
        TarEntry(name: name, kind: kind, header: .literal([]))
    }

    /// Each of these names leads through two thousand directories of its own.
    private var deep: [TarEntry] {
        (0..<40).map { entry("\($0)/" + String(repeating: "d/", count: 2000) + "f") }
    }

    @Test func directoriesThatOnlyNamesLeadThroughAreBounded() {
        let error = #expect(throws: TarFailure.self) { try settle(deep) }
        #expect(error?.description.contains("directories") == true)
        #expect(MergedTree([deep]).count < 40 * 2000)
    }

    @Test func aLongChainOfLinksBeforeTheirTargetsIsFollowedOnce() throws {
        let count = 50_000
        let links = (0..<count).map { entry("l\($0)", .hardlink(target: $0 + 1 < count ? "l\($0 + 1)" : "f")) }
        let entries = links + [entry("f", .regular(size: 0))]
        #expect(try settle(entries).count == count + 1)
        let tree = MergedTree([entries])
        #expect(tree.count == count + 2 && tree.danglingLinks.isEmpty)
    }

    @Test func manyDirectoriesGiveWayToFiles() throws {
        let entries = (0..<20_000).flatMap { [entry("\($0)/x"), entry("\($0)")] }
        #expect(try settle(entries).count == 20_000)
    }
}
