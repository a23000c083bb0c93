import Content
import OCI
import SystemPackage
import TestSupport
import Testing

/// Images that are broken, or of a kind that cannot be converted: exit status 8; too large ones: 7.
struct InvalidInputTests {
    @Test func aGzipThatIsCutOffIsInvalid() async throws {
        var layer = try TinyLayer(.motd(noise: 100_000))
        layer.replace(blob: Array(layer.blob.dropLast(1000)))
        try await expectInvalid([layer], saying: ["layer 1 (\(layer.descriptor.digest))"])
    }

    @Test func aGzipWithAFlippedByteIsInvalid() async throws {
        var layer = try TinyLayer(.motd(noise: 100_000))
        layer.blob[layer.blob.count / 2] ^= 1
        layer.replace(blob: layer.blob)
        try await expectInvalid([layer], saying: ["layer 1 (\(layer.descriptor.digest))"])
    }

    @Test func theSecondLayerIsNamedWhenItIsBroken() async throws {
        var layer = try TinyLayer(.motd(noise: 5000))
        layer.replace(blob: Array(layer.blob.dropLast(8)))
        try await expectInvalid([TinyLayer(.motd()), layer], saying: ["layer 2 (\(layer.descriptor.digest))"])
    }

    @Test func aBlobThatIsNotItsDigestIsInvalid() async throws {
        var layer = try TinyLayer(.motd())
        // A time in the header of the gzip member: the same tar, other bytes.
        layer.blob[4] = 1
        try await expectInvalid(
            [layer],
            saying: ["layer 1", "expected digest \(layer.descriptor.digest), not \(Digest(of: layer.blob))"])
    }

    @Test func aLayerThatIsNotItsDiffIDIsInvalid() async throws {
        var layer = try TinyLayer(.motd())
        let right = layer.diffID
        layer.diffID = Digest(of: [1, 2, 3])
        try await expectInvalid([layer], saying: ["layer 1", "\(layer.diffID)", "\(right)"])
    }

    @Test func aNegativeSizeIsInvalid() async throws {
        try await withWorkplace { place, layout in
            try layout.add([TinyLayer(.motd())], tag: "negative") { root in
                var layer = root["layers"]?.array?.first ?? .null
                layer["size"] = .integer(-1)
                root["layers"] = .array([layer])
            }
            try place.expectFailure(
                try await place.convert(from: "negative"), 8,
                saying: ["oci:\(place.source):negative", "layer", "size", "-1"])
        }
    }

    @Test func aTarHeaderWithABadChecksumIsInvalid() async throws {
        var tar = TinyTar.motd()
        tar.file("etc/issue", "broken\n")
        var bytes = tar.finished
        // The first byte of the second header.
        bytes[1024] ^= 0x20
        let layer = try TinyLayer(bytes)
        try await expectInvalid([layer], saying: ["layer 1 (\(layer.descriptor.digest))"])
    }

    @Test func aTarThatEndsWithinAFileIsInvalidAndTheFileIsNamed() async throws {
        let layer = try TinyLayer(Array(TinyTar.motd(noise: 10_000).finished.prefix(4096)))
        try await expectInvalid([layer], saying: ["layer 1 (\(layer.descriptor.digest))", "noise"])
    }

    @Test func aLayerThatIsNoTarIsInvalid() async throws {
        let layer = try TinyLayer(Array(String(repeating: "this is no tar\n", count: 200).utf8))
        try await expectInvalid([layer], saying: ["layer 1 (\(layer.descriptor.digest))"])
    }

    @Test func anImageOfSchema1CannotBeConverted() async throws {
        try await withWorkplace { place, layout in
            let document = try Document(parsing: Array(#"{"schemaVersion":1,"name":"old","fsLayers":[]}"#.utf8))
            try layout.name(layout.put(document, .dockerSchema1Signed), "old")
            try place.expectFailure(try await place.convert(from: "old"), 8, saying: ["schema 1"])
        }
    }

    @Test func anImageWithoutLayersOfFilesHasNothingToConvert() async throws {
        try await withWorkplace { place, layout in
            var layer = try TinyLayer(.motd())
            layer.descriptor = Descriptor(
                mediaType: MediaType("application/vnd.in-toto+json"), digest: layer.descriptor.digest,
                size: layer.descriptor.size)
            try layout.add([layer], tag: "statement")
            try layout.add([], tag: "scratch")
            for tag in ["statement", "scratch"] {
                try place.expectFailure(try await place.convert(from: tag), 8, saying: ["nothing to convert"])
            }
        }
    }

    @Test func aManifestThatIsNoJSONIsInvalid() async throws {
        try await withWorkplace { place, layout in
            let manifest = try layout.add([TinyLayer(.motd())], tag: "broken")
            var bytes = try FileSlice(opening: layout.blob(manifest.digest)).bytes()
            bytes[0] = UInt8(ascii: "[")
            let descriptor = Descriptor(
                mediaType: .ociManifest, digest: Digest(of: bytes), size: Int64(bytes.count))
            try write(bytes, to: layout.blob(descriptor.digest))
            try layout.name(descriptor, "worse")
            try place.expectFailure(
                try await place.convert(from: "worse"), 8, saying: ["oci:\(place.source):worse"])
        }
    }

    @Test func aBombIsStoppedByTheLimit() async throws {
        var tar = TinyTar()
        tar.file(Array("zeros".utf8), [UInt8](repeating: 0, count: 8 << 20))
        let layer = try TinyLayer(tar)
        #expect(layer.blob.count < 100_000)
        try await withWorkplace([layer]) { place, _ in
            try place.expectFailure(
                try await place.convert("--max-layer-size", "1MiB"), 7,
                saying: ["oci:\(place.source):latest", "layer 1 (\(layer.descriptor.digest))", "--max-layer-size"])
            let allowed = try await place.convert("--max-layer-size", "9MiB")
            #expect(allowed.status == 0, "\(allowed.errors)")
        }
    }

    @Test func aNameThatIsNotUTF8IsKeptWithAWarningOrRefusedWhenStrict() async throws {
        var tar = TinyTar.motd()
        tar.file(Array("etc/caf".utf8) + [0xe9], [1])
        let layer = try TinyLayer(tar)
        try await withWorkplace([layer]) { place, _ in
            try place.expectFailure(
                try await place.convert("--strict"), 8, saying: ["layer 1 (\(layer.descriptor.digest))", "etc/caf"])
            let command = try await place.convert("--quiet")
            #expect(command.status == 0, "\(command.errors)")
            #expect(command.errors.hasPrefix("warning: layer 1 (\(layer.descriptor.digest))"))
            #expect(command.errors.contains("etc/caf"))
            let check = try await place.shell(
                #"echo /etc/motd >profile; "$esgz" profile check "$source" profile --tmp-dir "$tmp" -q"#)
            let told = "warning: layer 1 (\(layer.descriptor.digest)) is left out of the profile: "
            #expect(check.errors.hasPrefix(told), "\(check.errors)")
        }
    }

    private func expectInvalid(_ layers: [TinyLayer], saying needles: [String]) async throws {
        try await withWorkplace(layers) { place, _ in
            try place.expectFailure(
                try await place.convert(), 8, saying: ["oci:\(place.source):latest"] + needles)
        }
    }
}

extension TinyLayer {
    /// Other bytes, of which the descriptor speaks as well.
    fileprivate mutating func replace(blob bytes: [UInt8]) {
        blob = bytes
        descriptor = Descriptor(mediaType: .ociLayerGzip, digest: Digest(of: bytes), size: Int64(bytes.count))
    }
}
