import Archive
import Content
import EStargz
import Synchronization
import TestSupport
import Testing

/// Reading layers where they lie: what is handed on, and what is refused.
struct LayerReaderTests {
    private static let big = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

    private static func sample() async throws -> ConvertedLayer {
        try await Layer(
            Tar(.pax) {
                directory("etc").owner(1, 2).named("user", "group")
                file("etc/motd", "hello").mode(0o4755).modified(1_600_000_000).attribute("user.a", [0xff, 0])
                hardlink("etc/other", to: "etc/motd")
                symlink("link", to: "etc/motd")
                characterDevice("null", 1, 3)
                file("empty")
                file("big", big)
            }.bytes
        ).converted(chunkSize: 4096)
    }

    private func open(_ pieces: LayerPieces) async throws -> LayerReader {
        try await LayerReader(BytesInMemory(try pieces.bytes()), trusting: .text(pieces.tocDigest)) { nil }
    }

    private func bytes(_ name: String, in reader: LayerReader, _ range: Range<Int64>? = nil) async throws -> [UInt8] {
        let position = try #require(reader.table.entries.firstIndex { $0.name == name })
        return try await reader.bytes(of: position, in: range ?? 0..<reader.table.entries[position].size) {
            try await reader.bytes(of: $0)
        }
    }

    @Test func entriesAreThoseOfTheTar() async throws {
        let reader = try await open(try LayerPieces(try await Self.sample()))
        let entries = reader.table.entries
        #expect(reader.format == .estargz && reader.table.findings.all.isEmpty)
        #expect(
            entries.map(\.name)
                == [".no.prefetch.landmark", "etc/", "etc/motd", "etc/other", "link", "null", "empty", "big"])
        #expect(entries[1].user == TarEntry.Owner(id: 1, name: "user"))
        #expect(entries[2].mode == 0o4755 && entries[2].modified.seconds == 1_600_000_000)
        #expect(entries[2].extendedAttributes == [TarEntry.ExtendedAttribute(name: "user.a", value: [0xff, 0])])
        #expect(entries[3].kind == .hardlink(target: "etc/motd"))
        #expect(entries[5].kind == .characterDevice(major: 1, minor: 3))
        #expect(reader.table.digest(of: 2) == Digest(of: Array("hello".utf8)))
        #expect(reader.table.landmark?.name == .noPrefetchLandmark)
    }

    @Test func filesAreReadInParts() async throws {
        let reader = try await open(try LayerPieces(try await Self.sample()))
        #expect(try await bytes("etc/motd", in: reader) == Array("hello".utf8))
        #expect(try await bytes("big", in: reader) == Self.big)
        for range in [0..<1, 4095..<4097, 4096..<8192, 9999..<10_000, 0..<0] as [Range<Int64>] {
            #expect(
                try await bytes("big", in: reader, range)
                    == Array(Self.big[Int(range.lowerBound)..<Int(range.upperBound)]))
        }
        #expect(try await bytes("empty", in: reader) == [])
    }

    @Test func theTableIsComparedWithTheManifest() async throws {
        let layer = try await Self.sample()
        let other = Digest(of: [1])
        await #expect(throws: LayerReadFailure.self) {
            try await LayerReader(BytesInMemory(layer.bytes), trusting: .text(other)) { nil }
        }
    }

    @Test func eachFlippedByteOfTheDataIsFoundBeforeItIsHandedOn() async throws {
        let sound = try LayerPieces(try await Self.sample())
        let reader = try await open(sound)
        let expected = try await bytes("big", in: reader)
        let start = Int(try #require(try reader.table.chunks(of: 7).first).offset)
        for position in stride(from: start, to: sound.data.count, by: 3) {
            var damaged = sound
            damaged.data[position] ^= 0x20
            let reader = try await open(damaged)
            // Some bits decide nothing: what comes out is right, or nothing does.
            if let found = try? await bytes("big", in: reader) { #expect(found == expected) }
        }
    }

    @Test(arguments: [
        #"{"version":1}"#, #"{"entries":null}"#, #"{"entries":[]}"#,
        #"{"Entries":[{"NAME":"a/","Type":"dir","unknown":[{"a":[1,2.5e3,"\u00e4"]},null,true]}]}"#,
    ])
    func tablesThatReadersTakeAreTaken(text: String) async throws {
        let reader = try await open(LayerPieces(data: [], toc: text))
        #expect(reader.table.entries.count <= 1)
    }

    @Test(arguments: [
        "", "null", "[]", "{", #"{"entries":{}}"#, #"{"entries":[1]}"#, #"{"entries":[{}]}"#,
        #"{"entries":[{"name":"a","type":"reg","size":1.5}]}"#,
        #"{"entries":[{"name":"a","type":"reg","size":99999999999999999999}]}"#,
        #"{"entries":[{"name":1}]}"#, #"{"entries":[{"name":"a"}"#, "{\"entries\":[{\"name\":\"\n\"}]}",
        "{\"x\":" + String(repeating: "[", count: 100_000),
    ])
    func tablesThatMakeNoSenseAreErrors(text: String) async throws {
        #expect(await failureKind { try await open(LayerPieces(data: [], toc: text)) } == .invalid)
    }

    @Test(arguments: [
        ("offset", Int64.max), ("offset", 1_000_000), ("offset", -5), ("size", .max), ("size", 6), ("size", 4),
        ("chunkOffset", 1), ("chunkSize", .max), ("chunkSize", 6), ("innerOffset", .max), ("innerOffset", 1 << 40),
        ("innerOffset", 4),
    ])
    func numbersThatLeadAstrayAreErrorsWhenTheFileIsRead(field: String, value: Int64) async throws {
        var pieces = try LayerPieces(try await Self.sample())
        pieces.edit("etc/motd") { $0[field] = .integer(value) }
        let reader = try await open(pieces)
        await #expect(throws: (any Error).self) { try await bytes("etc/motd", in: reader) }
    }

    @Test(arguments: [(256, true), (257, false)])
    func attributesAreCounted(count: Int, isTaken: Bool) async throws {
        let attributes = (0..<count).map { "\"user.\($0)\":\"\"" }.joined(separator: ",")
        let pieces = LayerPieces(data: [], toc: #"{"entries":[{"name":"a","type":"dir","xattrs":{\#(attributes)}}]}"#)
        #expect(await failureKind { try await open(pieces) } == (isTaken ? nil : .unsupported))
    }

    @Test func namesThatNoFileCanHaveAreToldOfAndLeftOut() async throws {
        let name = String(repeating: "n", count: 4097)
        let long = [
            #"{"name":"\#(name)","type":"reg","size":2,"chunkSize":1}"#, #"{"name":"\#(name)","type":"chunk"}"#,
            #"{"name":"link","type":"symlink","linkName":"\#(name)"}"#,
        ].joined(separator: ",")
        let pieces = LayerPieces(data: [], toc: #"{"entries":[{"name":"a","type":"dir"},\#(long)]}"#)
        let table = try await open(pieces).table
        #expect(table.entries.map(\.name) == ["a"] && table.chunks.isEmpty)
        #expect(table.findings.all.map(\.promise) == [.paths, .paths, .paths])
    }

    @Test(arguments: [(0, 64 << 20 + 1), (128 << 20, 5), (Int64.max, 5)] as [(Int64, Int64)])
    func chunksThatTakeTooMuchMemoryAreRefused(inner: Int64, size: Int64) async throws {
        var pieces = try LayerPieces(try await Self.sample())
        pieces.edit("etc/motd") {
            $0["size"] = .integer(size)
            $0["innerOffset"] = .integer(inner)
        }
        let reader = try await open(pieces)
        #expect(await failureKind { try await bytes("etc/motd", in: reader, 0..<1) } == .unsupported)
    }

    @Test func withoutADigestNothingIsHandedOn() async throws {
        var pieces = try LayerPieces(try await Self.sample())
        pieces.edit("etc/motd") {
            $0["chunkDigest"] = nil
            $0["digest"] = nil
        }
        let reader = try await open(pieces)
        #expect(await failureKind { try await bytes("etc/motd", in: reader) } == .unsupported)
    }

    @Test func anExternalTableIsFetched() async throws {
        let pieces = try LayerPieces(try await Self.sample())
        let footer: [UInt8] =
            [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 21, 0] + Array("SG".utf8) + [17, 0]
            + Array("STARGZEXTERNALTOC".utf8) + [1, 0, 0, 0xff, 0xff] + [UInt8](repeating: 0, count: 8)
        let table = try compressed(pieces.tocTar)
        let blob = BytesInMemory(pieces.data + footer)
        let reader = try await LayerReader(blob, trusting: .text(pieces.tocDigest)) { table }
        #expect(reader.format == .externalTOC)
        #expect(try await bytes("big", in: reader) == Self.big)
        await #expect(throws: LayerReadFailure.self) {
            try await LayerReader(blob, trusting: .text(pieces.tocDigest)) { nil }
        }
    }

    @Test func endlessTablesEndEarly() async throws {
        // A frame of zstd in which 4000 blocks of four bytes each stand for 128 KiB of blanks (RFC 8878).
        let text = Array(#"{"entries":[]}"#.utf8)
        var frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3, UInt8(text.count << 3), 0, 0] + text
        for _ in 0..<4000 { frame += [0x02, 0x00, 0x10, 0x20] }
        let size = UInt64(frame.count)
        let numbers = [8, size, 1000, 1].flatMap { number in
            (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        let blob =
            [0x50, 0x2a, 0x4d, 0x18] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + frame
            + [0x50, 0x2a, 0x4d, 0x18, 40, 0, 0, 0] + numbers + Array("GnUlInUx".utf8)
        let kind = await failureKind {
            try await LayerReader(BytesInMemory(blob), trusting: .text(Digest(of: []))) { nil }
        }
        #expect(kind == .unsupported)
    }

    @Test func aHeaderThatSaysAnEndlessTableIsRefusedAtOnce() async throws {
        let header = Tar { file("stargz.index.json", "{}").sizeField(1 << 32) }.bytes
        let blob = try compressed(header) + Footer(tocOffset: 0).bytes
        let kind = await failureKind {
            try await LayerReader(BytesInMemory(blob), trusting: .text(Digest(of: []))) { nil }
        }
        #expect(kind == .unsupported)
    }

    /// A hostile table names a small part of a large blob: not more is fetched than the data can have become.
    @Test func noMoreIsFetchedThanTheDataCanTake() async throws {
        let pieces = try LayerPieces(try await Layer(Tar { file("a", "x") }.bytes).converted())
        let gap = [UInt8](repeating: 0, count: 1 << 20)
        let blob = CountingBlob(
            pieces.data + gap + (try compressed(pieces.tocTar))
                + Footer(tocOffset: Int64(pieces.data.count + gap.count)).bytes)
        let reader = try await LayerReader(blob, trusting: .text(pieces.tocDigest)) { nil }
        blob.read.withLock { $0 = 0 }
        #expect(try await bytes("a", in: reader) == [0x78])
        #expect(blob.read.withLock { $0 } < 5000)
    }

    /// Neither memory nor requests may grow with all that stands before a file in its member.
    @Test func filesThatShareAMemberAreInflatedTogether() async throws {
        let contents = (0..<3000).map { number in [UInt8]((0..<1000).map { UInt8(truncatingIfNeeded: $0 * number) }) }
        let entries = contents.enumerated().map { number, bytes in
            #"{"name":"\#(number)","type":"reg","size":1000,"offset":0,"innerOffset":\#(number * 1000),"#
                + #""chunkDigest":"\#(Digest(of: bytes))","digest":"\#(Digest(of: bytes))"}"#
        }
        let pieces = LayerPieces(
            data: try compressed(contents.flatMap(\.self)),
            toc: #"{"version":1,"entries":[\#(entries.joined(separator: ","))]}"#)
        let blob = CountingBlob(try pieces.bytes())
        let reader = try await LayerReader(blob, trusting: .text(pieces.tocDigest)) { nil }
        blob.read.withLock { $0 = 0 }
        for (number, bytes) in contents.enumerated() {
            let found = try await self.bytes("\(number)", in: reader)
            #expect(found == bytes && found.capacity < 4000)
        }
        #expect(blob.read.withLock { $0 } < 8 * pieces.data.count)
    }

    /// What was changed on its way, and not in the blob, makes nothing fail.
    @Test(arguments: 0..<4)
    func aWrongAnswerIsAskedForOnceMore(number: Int) async throws {
        let pieces = try LayerPieces(try await Self.sample())
        let blob = CountingBlob(try pieces.bytes(), damaging: number)
        let reader = try await LayerReader(blob, trusting: .text(pieces.tocDigest)) { nil }
        #expect(try await bytes("etc/motd", in: reader) == Array("hello".utf8))
        #expect(try await bytes("big", in: reader) == Self.big)
        #expect(blob.reads.withLock { $0 } > number)
    }
}

/// Counts what is read, and gets one of the answers wrong.
private final class CountingBlob: RandomAccess {
    /// Bytes.
    let read = Mutex<Int>(0)
    let reads = Mutex<Int>(0)
    private let memory: BytesInMemory
    private let damaged: Int?

    /// - Parameters:
    ///   - bytes: the whole blob.
    ///   - damaged: counts the answers from 0.
    init(_ bytes: [UInt8], damaging damaged: Int? = nil) {
        memory = BytesInMemory(bytes)
        self.damaged = damaged
    }

    var count: Int64 { memory.count }

    func bytes(in range: Range<Int64>) throws -> [UInt8] {
        read.withLock { $0 += range.count }
        let number = reads.withLock { reads in
            defer { reads += 1 }
            return reads
        }
        let bytes = try memory.bytes(in: range)
        return number == damaged ? bytes.map { ~$0 } : bytes
    }
}
