import Content
import EStargz
import FoundationEssentials
import Inspection
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// An image that breaks one promise, and what it has to be found by.
struct Damage: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let promise: String
    /// The name that the finding has to give; `nil` for any.
    let entry: String?
    let isLazy: Bool
    let edit: @Sendable (inout LayerPieces) -> Void
    let editLayer: @Sendable (inout BuiltTestLayer) -> Void
    let editManifest: @Sendable (inout JSON) -> Void

    /// Wrong in the table of contents, or in what stands before it.
    static func table(
        _ promise: LayerPromise, _ text: String, entry: String? = nil, isLazy: Bool = true,
        _ edit: @escaping @Sendable (inout LayerPieces) -> Void
    ) -> Damage {
        Damage(
            testDescription: "\(promise.rawValue): \(text)", promise: promise.rawValue, entry: entry, isLazy: isLazy,
            edit: edit, editLayer: { _ in }, editManifest: { _ in })
    }

    /// Wrong in the blob, or in what the manifest says of it.
    static func blob(
        _ promise: LayerPromise, _ text: String, isLazy: Bool = true,
        _ edit: @escaping @Sendable (inout BuiltTestLayer) -> Void
    ) -> Damage {
        Damage(
            testDescription: "\(promise.rawValue): \(text)", promise: promise.rawValue, entry: nil, isLazy: isLazy,
            edit: { _ in }, editLayer: edit, editManifest: { _ in })
    }

    /// Wrong in the descriptor of a layer.
    static func descriptor(
        _ promise: ImagePromise, _ text: String, isLazy: Bool = true,
        _ edit: @escaping @Sendable (inout Descriptor) -> Void
    ) -> Damage {
        Damage(
            testDescription: "\(promise.rawValue): \(text)", promise: promise.rawValue, entry: nil, isLazy: isLazy,
            edit: { _ in }, editLayer: { edit(&$0.descriptor) }, editManifest: { _ in })
    }

    /// Wrong in the manifest.
    static func manifest(
        _ promise: ImagePromise, _ text: String, isLazy: Bool = true, _ edit: @escaping @Sendable (inout JSON) -> Void
    ) -> Damage {
        Damage(
            testDescription: "\(promise.rawValue): \(text)", promise: promise.rawValue, entry: nil, isLazy: isLazy,
            edit: { _ in }, editLayer: { _ in }, editManifest: edit)
    }
}

/// Images with one thing wrong each; all digests that are not the point are right.
struct VerifyTests {
    static let tar = Tar(.pax) {
        directory("etc").mode(0o755)
        file("etc/motd", "hello").mode(0o644).owner(1, 2).modified(1_600_000_000, fraction: "6")
            .attribute("user.a", [0xff])
        file("etc/big", (0..<9000).map { UInt8(truncatingIfNeeded: $0 / 3) })
        hardlink("etc/link", to: "etc/motd")
        symlink("soft", to: "etc/motd")
        characterDevice("null", 1, 3)
        file("empty")
        file("last", "x")
    }

    private static let otherDigest = JSON.string(Digest(of: [1, 2, 3]).description)

    private static func entry(_ members: KeyValuePairs<String, JSON>) -> JSON {
        var json = JSON.object(JSON.Object())
        for (key, value) in members { json[key] = value }
        return json
    }

    private static let footers: [Damage] = [
        .blob(.footer, "there is none", isLazy: false) { $0.replace($0.blob.dropLast(51)) },
        .table(.footer, "it leads out of the blob", isLazy: false) { $0.footerShift = 1 << 40 },
        .table(.footer, "it leads beside the table", isLazy: false) { $0.footerShift = 1 },
        .table(.footer, "it leads to another member", isLazy: false) { $0.footerShift = -Int64($0.data.count) },
        .table(.footer, "the table has another name", isLazy: false) { $0.tocName = "./stargz.index.json" },
        .table(.footer, "the table's header has a wrong checksum", isLazy: false) { $0.tocHeader = [148: 0x37] },
        .table(.footer, "the table's header has a device that is no number", isLazy: false) {
            $0.tocHeader = [330: 0x78]
        },
        .table(.footer, "the table is a directory", isLazy: false) { $0.tocHeader = [156: 0x35] },
        .table(.footer, "the table lies in a directory", isLazy: false) { $0.tocHeader = [345: 0x61] },
        .table(.footer, "the table's header has an owner that is no number", isLazy: false) {
            $0.tocHeader = [110: 0x78]
        },
        .blob(.footer, "another byte than all writers write") { $0.change { $0[$0.count - 47] = 1 } },
        .blob(.tocDigest, "another table than the manifest names", isLazy: false) {
            $0.descriptor.editAnnotations { $0[Annotation.tocDigest] = otherDigest }
        },
    ]

    private static let tables: [Damage] = [
        .table(.toc, "no JSON", isLazy: false) { $0.toc = Array("{\"entries\":[".utf8) },
        .table(.toc, "bytes behind the document") { $0.toc += Array("\n ".utf8) },
        .table(.toc, "no entries at all", isLazy: false) { $0.table["entries"] = nil },
        .table(.toc, "a type that nobody knows", entry: "null") { $0.edit("null") { $0["type"] = "socket" } },
        .table(.toc, "a time that is none", entry: "etc/motd") { $0.edit("etc/motd") { $0["modtime"] = "yesterday" } },
        .table(.toc, "a version that is a text", isLazy: false) { $0.table["version"] = "1" },
        .table(.toc, "a number that is none", isLazy: false) { $0.toc = Array(#"{"x":+1,"entries":[]}"#.utf8) },
        .table(.toc, "zeros in front of a number", isLazy: false) { $0.toc = Array(#"{"version":01}"#.utf8) },
        .table(.toc, "a negative number of a chunk", entry: "etc/big", isLazy: false) {
            $0.edit("etc/big", type: "chunk") { $0["chunkSize"] = .integer(-1) }
        },
        .table(.toc, "Base64 without its padding", entry: "etc/motd", isLazy: false) {
            $0.edit("etc/motd") { $0["xattrs"]?["user.a"] = "/w" }
        },
        .table(.toc, "entries twice", isLazy: false) { $0.toc = Array(#"{"entries":[],"entries":[]}"#.utf8) },
        .table(.toc, "entries twice, once with a long s", isLazy: false) {
            $0.toc = Array("{\"entries\":[],\"entrie\u{17f}\":[]}".utf8)
        },
        .table(.toc, "a day that no month has", entry: "etc/motd") {
            $0.edit("etc/motd") { $0["modtime"] = "2023-02-30T00:00:00Z" }
        },
        .table(.toc, "a value that is no Base64", entry: "etc/motd", isLazy: false) {
            $0.edit("etc/motd") { $0["xattrs"]?["user.a"] = "*" }
        },
        .table(.toc, "an array in front of the entries") {
            $0.toc = Array(#"{"x":{"y":[]},"#.utf8) + $0.toc.dropFirst()
        },
        .table(.toc, "an owner beyond 32 bits", entry: "last") { $0.edit("last") { $0["uid"] = .integer(1 << 32) } },
        .table(.toc, "a group that means none", entry: "last") {
            $0.edit("last") { $0["gid"] = .integer(1 << 32 - 1) }
        },
        .table(.toc, "a device that Linux cannot have", entry: "null") {
            $0.edit("null") { $0["devMinor"] = .integer(1 << 20) }
        },
        .table(.toc, "a negative number", entry: "null") { $0.edit("null") { $0["devMajor"] = .integer(-1) } },
        .table(.order, "a chunk in front of its file", entry: "etc/big") {
            $0.editEntries { entries in
                guard let chunk = entries.firstIndex(where: { $0["type"]?.string == "chunk" }) else { return }
                entries.insert(entries.remove(at: chunk), at: 0)
            }
        },
        .table(.order, "files in another order than their data", entry: "last") {
            $0.editEntries { entries in
                guard let last = entries.popLast() else { return }
                entries.insert(last, at: 1)
            }
        },
        .table(.order, "an offset on a directory", entry: "etc/") { $0.edit("etc/") { $0["offset"] = .integer(5) } },
        .table(.paths, "a path that occurs twice", entry: "soft") {
            $0.editEntries { entries in
                entries += entries.filter { $0["name"]?.string == "soft" }
            }
        },
        .table(.paths, "a name that leads out", entry: "etc/../../up") {
            $0.editEntries { $0.append(entry(["name": "etc/../../up", "type": "fifo"])) }
        },
        .table(.paths, "something below a file", entry: "last/below") {
            $0.editEntries { $0.append(entry(["name": "last/below", "type": "fifo"])) }
        },
        .table(.paths, "something deeper below a file", entry: "last/a/b") {
            $0.editEntries { $0.append(entry(["name": "last/a/b", "type": "fifo"])) }
        },
        .table(.paths, "a file where others lie below", entry: "new") {
            $0.editEntries {
                $0.append(entry(["name": "new/a", "type": "fifo"]))
                $0.append(entry(["name": "new", "type": "fifo"]))
            }
        },
        .table(.paths, "where the snapshotter shows its state", entry: ".stargz-snapshotter/f") {
            $0.editEntries { $0.append(entry(["name": ".stargz-snapshotter/f", "type": "fifo"])) }
        },
        .table(.paths, "the table's own name", entry: "./stargz.index.json") {
            $0.editEntries { $0.append(entry(["name": "./stargz.index.json", "type": "fifo"])) }
        },
        .table(.links, "a link in front of its target", entry: "etc/link") {
            $0.editEntries { entries in
                guard let link = entries.firstIndex(where: { $0["type"]?.string == "hardlink" }) else { return }
                entries.insert(entries.remove(at: link), at: 1)
            }
        },
        .table(.links, "a link to nothing", entry: "etc/link", isLazy: false) {
            $0.edit("etc/link") { $0["linkName"] = "none" }
        },
        .table(.links, "a link to itself", entry: "etc/link", isLazy: false) {
            $0.edit("etc/link") { $0["linkName"] = "etc/link" }
        },
        .table(.links, "a link to a directory", entry: "etc/link") { $0.edit("etc/link") { $0["linkName"] = "etc" } },
    ]

    private static let data: [Damage] = [
        .table(.sizes, "chunks that overlap", entry: "etc/big") {
            $0.edit("etc/big", type: "chunk") { $0["chunkOffset"] = .integer(100) }
        },
        .table(.sizes, "a first chunk without a size", entry: "etc/big", isLazy: false) {
            $0.edit("etc/big", type: "reg") { $0["chunkSize"] = nil }
        },
        .table(.sizes, "a middle chunk without a size", entry: "etc/big", isLazy: false) { pieces in
            pieces.editEntries { entries in
                guard let chunk = entries.firstIndex(where: { $0["type"]?.string == "chunk" }) else { return }
                entries[chunk]["chunkSize"] = nil
            }
        },
        .table(.sizes, "a chunk that is missing", entry: "etc/big") {
            $0.editEntries { entries in
                if let chunk = entries.lastIndex(where: { $0["type"]?.string == "chunk" }) { entries.remove(at: chunk) }
            }
        },
        .table(.sizes, "a size that no data has", entry: "last") { $0.edit("last") { $0["chunkSize"] = .integer(7) } },
        .table(.memberStart, "data that begins within a member", entry: "last") {
            $0.edit("last") { $0["offset"] = .integer(($0["offset"]?.integer ?? 0) + 1) }
        },
        .table(.memberStart, "data that begins beyond all numbers", entry: "last") {
            $0.edit("last") { $0["innerOffset"] = .integer(Int64.max) }
        },
        .table(.memberStart, "data outside the blob", entry: "last") {
            $0.edit("last") { $0["offset"] = .integer(1 << 40) }
        },
        .table(.memberStart, "data of another file", entry: "last") { pieces in
            let other = pieces.table["entries"]?.array?.first { $0["name"]?.string == "etc/motd" }?["offset"]
            pieces.edit("last") { $0["offset"] = other }
        },
        .table(.landmark, "both of them") {
            $0.editEntries { entries in
                var other = entries[0]
                other["name"] = ".prefetch.landmark"
                entries.append(other)
            }
        },
        .table(.landmark, "another byte", entry: ".no.prefetch.landmark") {
            $0.edit(".no.prefetch.landmark") { $0["chunkDigest"] = otherDigest }
        },
        .table(.landmark, "no file", entry: ".no.prefetch.landmark") {
            $0.edit(".no.prefetch.landmark") { $0["size"] = .integer(2) }
        },
        .table(.landmark, "one that does not begin a member", entry: ".no.prefetch.landmark") {
            $0.edit(".no.prefetch.landmark") { $0["innerOffset"] = .integer(1) }
        },
        .table(.order, "a member whose first data lies inside it", entry: "last") {
            $0.edit("last") { $0["innerOffset"] = .integer(1) }
        },
        .table(.chunkDigest, "another one", entry: "etc/big") {
            $0.edit("etc/big", type: "chunk") { $0["chunkDigest"] = otherDigest }
        },
        .table(.chunkDigest, "none", entry: "etc/big", isLazy: false) {
            $0.edit("etc/big", type: "chunk") { $0["chunkDigest"] = nil }
        },
        .table(.chunkDigest, "one that is none", entry: "last", isLazy: false) {
            $0.edit("last") { $0["chunkDigest"] = "md5:00" }
        },
        .table(.chunkDigest, "only that of the file", entry: "last", isLazy: false) {
            $0.edit("last") { $0["chunkDigest"] = nil }
        },
        .table(.fileDigest, "another one", entry: "etc/big") {
            $0.edit("etc/big", type: "reg") { $0["digest"] = otherDigest }
        },
        .table(.fileDigest, "none", entry: "last") { $0.edit("last") { $0["digest"] = nil } },
    ]

    private static let blobs: [Damage] = [
        .blob(.members, "a member with a time in its header") { $0.change { $0[4] = 1 } },
        .table(.members, "data that cannot be inflated", entry: ".no.prefetch.landmark") { pieces in
            let offset = pieces.table["entries"]?.array?[0]["offset"]?.integer ?? 0
            pieces.data[Int(offset) + 10] = 7
        },
        .table(.members, "bytes that are no member") { $0.data += [1, 2, 3] },
        .table(.tar, "another mode", entry: "etc/motd") { $0.edit("etc/motd") { $0["mode"] = .integer(0o600) } },
        .table(.tar, "another owner", entry: "etc/motd") { $0.edit("etc/motd") { $0["uid"] = .integer(7) } },
        .table(.tar, "another time", entry: "etc/motd") {
            $0.edit("etc/motd") { $0["modtime"] = "2020-09-13T12:26:40Z" }
        },
        .table(.tar, "another attribute", entry: "etc/motd") {
            $0.edit("etc/motd") { $0["xattrs"]?["user.a"] = "/g==" }
        },
        .table(.tar, "another target", entry: "soft") { $0.edit("soft") { $0["linkName"] = "elsewhere" } },
        .table(.tar, "another device", entry: "null") { $0.edit("null") { $0["devMinor"] = .integer(4) } },
        .table(.tar, "another type", entry: "empty") {
            $0.edit("empty") {
                $0["type"] = "fifo"
                $0["digest"] = nil
            }
        },
        .table(.tar, "an entry that the tar does not have", entry: "new") {
            $0.editEntries { $0.append(entry(["name": "new", "type": "dir"])) }
        },
        .table(.tar, "an entry that the table does not have", entry: "empty") {
            $0.editEntries { $0.removeAll { $0["name"]?.string == "empty" } }
        },
        .table(.tar, "bytes behind the table") { $0.tail = [1] },
        .blob(.blobDigest, "another blob than the manifest names") { $0.blob[$0.blob.count - 47] = 1 },
        .blob(.blobSize, "another size than the manifest says", isLazy: false) { $0.blob.append(0) },
        .blob(.diffID, "another tar than the configuration names") { $0.diffID = Digest(of: [1]) },

    ]

    private static let documents: [Damage] = [
        .descriptor(.annotations, "none", isLazy: false) { $0.editAnnotations { $0[Annotation.tocDigest] = nil } },
        .descriptor(.annotations, "one that is no digest", isLazy: false) {
            $0.editAnnotations { $0[Annotation.tocDigest] = "sha256:1" }
        },
        .descriptor(.annotations, "those of two formats") {
            $0.editAnnotations { $0[Annotation.zstdTOCDigest] = otherDigest }
        },
        .descriptor(.annotations, "another size than that of the tar") {
            $0.editAnnotations { $0[Annotation.uncompressedSize] = "7" }
        },
        .descriptor(.annotations, "one that containerd does not take", isLazy: false) {
            $0.editAnnotations {
                $0["containerd.io/snapshot/x"] = .string(String(repeating: "x", count: 4096 - 23))
            }
        },
        .descriptor(.mediaType, "zstd for gzip") {
            $0 = $0.replacing(mediaType: .ociLayerZstd, digest: $0.digest, size: $0.size)
        },
        .descriptor(.mediaType, "Docker's, which tools copy without annotations") {
            $0 = $0.replacing(mediaType: .dockerLayerGzip, digest: $0.digest, size: $0.size)
        },
        .manifest(.mediaType, "a manifest that says it is an index") {
            $0["mediaType"] = .string(MediaType.ociIndex.text)
        },
        .manifest(.manifest, "a layer that the configuration does not have", isLazy: false) { json in
            let layers = json["layers"]?.array ?? []
            json["layers"] = .array(layers + layers)
        },
        .manifest(.mediaType, "a configuration of another type", isLazy: false) {
            $0["config"]?["mediaType"] = "application/vnd.oci.empty.v1+json"
        },
        .manifest(.manifest, "a schema that is no number", isLazy: false) { $0["schemaVersion"] = "2" },
        .manifest(.manifest, "no schema") { $0["schemaVersion"] = nil },
        .manifest(.manifest, "an annotation that is a number", isLazy: false) {
            $0["annotations"] = entry(["a": .integer(1)])
        },
        .manifest(.manifest, "layers in another spelling", isLazy: false) { $0["Layers"] = .array([]) },
        .manifest(.manifest, "data that is no Base64", isLazy: false) { $0["config"]?["data"] = "!!!" },
        .manifest(.manifest, "data of something else") { $0["config"]?["data"] = "AAAA" },
        .manifest(.manifest, "places that are no list", isLazy: false) { $0["config"]?["urls"] = "x" },
        .manifest(.manifest, "a configuration that is not there", isLazy: false) {
            $0["config"]?["digest"] = otherDigest
        },
        .manifest(.manifest, "a layer that is not there", isLazy: false) { json in
            json["layers"] = .array(
                (json["layers"]?.array ?? []).map { layer in
                    var layer = layer
                    layer["digest"] = otherDigest
                    return layer
                })
        },
    ]

    static let damages = footers + tables + data + blobs + documents

    @Test(arguments: damages)
    func eachBrokenPromiseIsFoundAndNamed(damage: Damage) async throws {
        let verdict = try await verify(damage)
        let found = verdict.allFindings.filter { $0.promise == damage.promise }
        #expect(!found.isEmpty, "\(verdict.allFindings)")
        if let entry = damage.entry {
            #expect(found.contains { $0.entry == entry }, "\(verdict.allFindings)")
        }
        #expect(verdict.isLazy == damage.isLazy, "\(verdict.json)")
        // All of these are about data, which stands somewhere.
        if [.memberStart, .chunkDigest].contains(LayerPromise(rawValue: damage.promise)) {
            #expect(found.contains { $0.offset != nil }, "\(found)")
        }
    }

    /// Manifest and configuration name the changed blob, so that its digest does not tell.
    @Test(arguments: [UInt8(1), 0x80, 0xff])
    func eachChangedByteIsNamedByThePromiseThatItBreaks(mask: UInt8) async throws {
        let converted = try await Layer(Tar { file("etc/motd", "hello") }.bytes).converted()
        let layer = try LayerPieces(converted).layer()
        let table = try LayerPieces(converted).data.count
        let footer = layer.blob.count - 51
        var silent = 0
        for position in layer.blob.indices {
            var changed = layer
            changed.change { $0[position] ^= mask }
            let promises = Set(try await verify(changed).allFindings.map(\.promise))
            if promises.isEmpty { silent += 1 }
            #expect(promises.isDisjoint(with: ["blob-digest", "blob-size", "manifest"]), "\(position): \(promises)")
            // What no longer begins as a footer is none, and what it says of the table may be anything.
            if position >= footer { #expect(promises.contains("footer"), "\(position): \(promises)") }
            if (table..<footer).contains(position) {
                let wanted: Set = ["toc", "toc-digest", "members", "tar", "footer", "diff-id"]
                #expect(promises.isSubset(of: wanted), "\(position): \(promises)")
            }
        }
        // Some bits of a compressed stream decide nothing.
        #expect(silent < layer.blob.count / 50)
    }

    @Test func everyPromiseHasItsDamage() {
        let elsewhere: Set<String> = ["index", "range", "limits", "source"]
        let all = Set(LayerPromise.allCases.map(\.rawValue) + ImagePromise.allCases.map(\.rawValue))
        #expect(all.subtracting(Self.damages.map(\.promise)) == elsewhere)
    }

    @Test func aSoundImageGivesNoFinding() async throws {
        for isQuick in [true, false] {
            let verdict = try await verify(nil) { $0.isQuick = isQuick }
            #expect(verdict.isSound, "\(verdict.allFindings)")
            #expect(verdict.platforms.count == 1 && verdict.platforms[0].firstEager == nil)
        }
    }

    @Test(arguments: AwkwardTar.all)
    func whateverIsConvertedGivesNoFinding(awkward: AwkwardTar) async throws {
        let layer = try await Layer(awkward.tar.bytes).converted(chunkSize: 7)
        let verdict = try await verify(LayerPieces(layer).layer())
        // Readers take such names for others; whoever unpacks them need not.
        let findings = verdict.allFindings.filter { $0.text != "the name leads out of the root" }
        #expect(findings.isEmpty, "\(findings)")
    }

    /// As BuildKit writes it: the source's own end of the archive, then the table, then another end; no landmark.
    @Test func aTableBehindTheEndOfTheArchiveGivesNoFinding() async throws {
        let verdict = try await verify(try await BuildKitLayer(Self.tar).pieces.layer())
        #expect(verdict.isSound && verdict.platforms[0].firstEager == nil, "\(verdict.allFindings)")
    }

    /// zlib names the system that it runs on.
    @Test func headersMayNameAnySystem() async throws {
        var layer = try LayerPieces(try await Layer(Self.tar.bytes).converted()).layer()
        var blob = layer.blob
        let head: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
        for start in 0..<blob.count - 51 where blob[start...].starts(with: head) { blob[start + 9] = 3 }
        try #require(blob != layer.blob)
        layer.replace(blob)
        let verdict = try await verify(layer)
        #expect(verdict.isSound && verdict.isLazy, "\(verdict.allFindings)")
    }

    @Test func aLayerThatIsNotLazyMakesAllAboveItEager() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            let lazy = try LayerPieces(try await Layer(Self.tar.bytes).converted()).layer()
            let plain = try BuiltTestLayer(gzip: Tar { file("x", "y") }.bytes)
            try layout.tag(try layout.putImage([lazy, plain, lazy]))
            let verdict = try await verify(directory)
            #expect(verdict.platforms[0].firstEager?.number == 2)
            #expect(verdict.platforms[0].layers.map(\.isLazy) == [true, false, true])
            #expect(verdict.json["platforms"]?.array?[0]["eagerFrom"]?.integer == 2)
        }
    }

    @Test func attestationsSpeakOfManifestsOfTheIndex() async throws {
        for isRight in [true, false] {
            try await withTemporaryDirectory { directory in
                var layout = try LayoutBuilder(at: directory)
                let lazy = try LayerPieces(try await Layer(Self.tar.bytes).converted()).layer()
                let image = try layout.putImage([lazy])
                var statement = try layout.put(#"{"schemaVersion":2,"config":{},"layers":[]}"#, .ociManifest)
                statement.editAnnotations {
                    $0[Annotation.referenceType] = "attestation-manifest"
                    $0[Annotation.attestedDigest] = isRight ? .string(image.digest.description) : Self.otherDigest
                }
                try layout.tag(try layout.putIndex([image, statement]))
                let verdict = try await verify(directory)
                #expect(verdict.allFindings.map(\.promise) == (isRight ? [] : ["index"]))
                guard isRight else { return }
                try FileManager.default.removeItem(atPath: layout.blob(statement.digest).string)
                let lacking = try await verify(directory)
                #expect(lacking.allFindings.map(\.promise) == ["index"])
                #expect(lacking.allFindings[0].text.hasPrefix("attestation \(statement.digest): "))
            }
        }
    }

    @Test func aRegistryWithoutRangesIsFound() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(
                try layout.putImage([try LayerPieces(try await Layer(Self.tar.bytes).converted()).layer()]))
            let source = AccessLog(ImageLayout(directory, tag: "latest"), hasRanges: false)
            let verdict = try await ImageVerifier(
                VerificationRequest(options: InspectionOptions(temporaryDirectory: directory)), of: source,
                tables: ExternalTables { nil }
            ).run()
            #expect(verdict.allFindings.map(\.promise) == ["range"])
            #expect(verdict.platforms[0].firstEager?.number == 1)
        }
    }

    @Test func whatTakesTooLongOnASlowLineIsFound() async throws {
        let verdict = try await verify(nil) { $0.bandwidth = 1000 }
        #expect(verdict.allFindings.map(\.promise) == ["limits"])
        #expect(verdict.platforms[0].firstEager?.obstacle?.contains("gives up after 30 s") == true)
    }

    /// The snapshotter opens all layers at the same time.
    @Test func whatIsPrefetchedTooLongIsFoundAlsoWhereOnlyAllLayersTogetherAreTooLarge() async throws {
        try await withTemporaryDirectory { directory in
            var generator = SeededGenerator(5)
            var layers: [BuiltTestLayer] = []
            for name in ["one", "two"] {
                let tar = Tar { file(name, generator.bytes(50_000)) }
                layers.append(try LayerPieces(try await Layer(tar.bytes).converted(first: [name])).layer())
            }
            var layout = try LayoutBuilder(at: directory)
            for count in [1, 2] {
                try layout.tag(try layout.putImage(Array(layers.prefix(count))), as: "\(count)")
            }
            // One layer takes 11 seconds, or two take 14; then neither.
            for (count, bandwidth, layer) in [
                (1, Int64(4545), 1), (2, 7100, nil), (2, 11_000, 0),
            ] as [(Int, Int64, Int?)] {
                var request = VerificationRequest(options: InspectionOptions(temporaryDirectory: directory))
                request.bandwidth = bandwidth
                let verdict = try await ImageVerifier(
                    request, of: ImageLayout(directory, tag: "\(count)"), tables: ExternalTables { nil }
                ).run()
                let found = verdict.allFindings.filter { $0.text.contains("what is prefetched") }
                #expect(verdict.allFindings.count == found.count, "\(verdict.allFindings)")
                #expect(found.map(\.layer) == (layer == 0 ? [] : [layer]), "\(verdict.allFindings)")
                #expect(found.allSatisfy { $0.promise == "limits" })
            }
        }
    }

    /// Without a landmark an annotation says how much is prefetched.
    @Test func whatAnAnnotationHasPrefetchedCounts() async throws {
        for isTold in [true, false] {
            var layer = try await BuildKitLayer(Tar { file("a", [UInt8](repeating: 7, count: 400)) }).pieces.layer()
            layer.descriptor.editAnnotations { annotations in
                if isTold { annotations["containerd.io/snapshot/remote/stargz.prefetch"] = "1000000000" }
            }
            let size = layer.descriptor.size
            // Longer than ten seconds, and the table within thirty.
            let verdict = try await verify(layer, manifest: { _ in }) { $0.bandwidth = max(1, size / 11) }
            let found = verdict.allFindings.filter { $0.text.contains("what is prefetched") }
            #expect(found.count == (isTold ? 1 : 0), "\(verdict.allFindings)")
        }
    }

    @Test func aTableThatPodmanDoesNotReadIsFound() async throws {
        let verdict = try await verify(nil) { _ in }
        #expect(verdict.isSound)
        var pieces = try LayerPieces(try await Layer(Tar { file("a", "x") }.bytes).converted())
        pieces.toc.insert(contentsOf: [UInt8](repeating: 0x20, count: 151 << 20), at: 1)
        let large = try await verify(try pieces.layer(), manifest: { _ in }) { $0.isQuick = true }
        #expect(large.allFindings.map(\.promise).contains("limits"), "\(large.allFindings)")
    }

    @Test func aQuickLookPullsNothing() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(
                try layout.putImage([try LayerPieces(try await Layer(Self.tar.bytes).converted()).layer()]))
            for isQuick in [true, false] {
                var request = VerificationRequest(options: InspectionOptions(temporaryDirectory: directory))
                request.isQuick = isQuick
                let log = AccessLog(ImageLayout(directory, tag: "latest"))
                _ = try await ImageVerifier(request, of: log, tables: ExternalTables { nil }).run()
                #expect(log.pulledBlobs.isEmpty == isQuick && log.openedBlobs.count == 1)
            }
        }
    }

    @Test func aLayerThatIsNotThereIsNamedOnce() async throws {
        let verdict = try await verify(Self.damages.first { $0.testDescription.hasSuffix("a layer that is not there") })
        #expect(verdict.allFindings.map(\.promise) == ["manifest"], "\(verdict.allFindings)")
    }

    @Test func anotherContentThanTheSourcesIsFound() async throws {
        // As if nothing were there; positions are those of the tar.
        let gone = Tar { file(".wh.old") }.items + Self.tar.items
        for (position, change, aspect) in [
            (2, { _ in nil }, "the source does not have it"),
            (0, { _ in nil }, "the source does not have it"),
            (2, { $0.owner(7, 7) }, "owner"),
            (5, { _ in symlink("soft", to: "etc/big") }, "target"),
            (4, { _ in file("etc/link", "hello") }, "differs"),
            (6, { _ in characterDevice("null", 1, 5) }, "device"),
        ] as [(Int, (TarItem) -> TarItem?, String)] {
            var items = gone
            if let item = change(items[position]) { items[position] = item } else { items.remove(at: position) }
            if position == 2, items.count < gone.count { items.removeAll { $0.kind == .hardlink } }
            let findings = try await compare(Tar(.pax, items: items), with: Tar(.pax, items: gone))
            #expect(
                findings.contains { $0.text.contains(aspect) && $0.promise == "source" }, "\(position): \(findings)")
        }
        var tar = Self.tar
        for (change, aspect) in [
            ({ $0 }, nil), ({ $0.mode(0o600) }, "mode"), ({ $0.modified(5) }, "time"),
            ({ $0.attribute("user.b", []) }, "xattrs"), ({ file($0.name, Array("hellO".utf8)) }, "content"),
        ] as [((TarItem) -> TarItem, String?)] {
            tar.items[1] = change(Self.tar.items[1])
            let findings = try await compare(tar, with: Self.tar)
            #expect(findings.isEmpty == (aspect == nil), "\(findings)")
            if let aspect { #expect(findings.contains { $0.text.contains(aspect) && $0.promise == "source" }) }
        }
    }

    @Test func ofSeveralLayersOneIsCompared() async throws {
        let (one, two) = (Tar { file("a", "1") }, Tar { file("a", "2") })
        #expect(try await compare([one, two], with: [two, two]).map(\.layer) == [1])
        #expect(try await compare([one, two], with: [two, two], only: 0).map(\.layer) == [1])
        #expect(try await compare([one, two], with: [two, two], only: 1).isEmpty)
    }

    // MARK: -

    private func compare(_ source: Tar, with result: Tar) async throws -> [Finding] {
        try await compare([source], with: [result])
    }

    /// Compares an image with what was made of another one.
    private func compare(_ source: [Tar], with result: [Tar], only layer: Int? = nil) async throws -> [Finding] {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(try layout.putImage(try source.map { try BuiltTestLayer(gzip: $0.bytes) }), as: "source")
            var layers: [BuiltTestLayer] = []
            for tar in result { layers.append(try LayerPieces(try await Layer(tar.bytes).converted()).layer()) }
            try layout.tag(try layout.putImage(layers), as: "result")
            var options = InspectionOptions(temporaryDirectory: directory)
            options.pullsAll = true
            var images: [LazyImage] = []
            for tag in ["source", "result"] {
                let place = ImageLayout(directory, tag: tag)
                images.append(
                    LazyImage(
                        try await PlatformImage(of: place, platform: nil), from: place,
                        tables: ExternalTables { nil }, named: "image", options))
            }
            return try await SourceComparison(from: images[0], to: images[1]).findings(only: layer)
        }
    }

    private func verify(
        _ damage: Damage?, _ change: (inout VerificationRequest) -> Void = { _ in }
    ) async throws -> ImageVerdict {
        var pieces = try LayerPieces(try await Layer(Self.tar.bytes).converted(chunkSize: 4096))
        damage?.edit(&pieces)
        var layer = try pieces.layer()
        damage?.editLayer(&layer)
        return try await verify(layer, manifest: damage?.editManifest ?? { _ in }, change)
    }

    private func verify(
        _ layer: BuiltTestLayer, manifest: (inout JSON) -> Void = { _ in },
        _ change: (inout VerificationRequest) -> Void = { _ in }
    ) async throws -> ImageVerdict {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(try layout.putImage([layer], manifest))
            return try await verify(directory, change)
        }
    }

    private func verify(
        _ directory: FilePath, _ change: (inout VerificationRequest) -> Void = { _ in }
    ) async throws -> ImageVerdict {
        var request = VerificationRequest(options: InspectionOptions(temporaryDirectory: directory))
        change(&request)
        return try await ImageVerifier(
            request, of: ImageLayout(directory, tag: "latest"), tables: ExternalTables { nil }
        ).run()
    }
}

extension BuiltTestLayer {
    /// Another blob, which the manifest names rightly.
    fileprivate mutating func replace(_ bytes: some Sequence<UInt8>) {
        blob = Array(bytes)
        descriptor = descriptor.replacing(
            mediaType: descriptor.mediaType, digest: Digest(of: blob), size: Int64(blob.count))
    }

    fileprivate mutating func change(_ edit: (inout [UInt8]) -> Void) {
        var bytes = blob
        edit(&bytes)
        replace(bytes)
    }
}
