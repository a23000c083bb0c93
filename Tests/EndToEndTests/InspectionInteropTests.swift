import Content
import OCI
import SystemPackage
import TestSupport
import Testing

/// Images of other tools are read lazily, and what `verify` says of images is what their consumers do.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct InspectionInteropTests {
    /// eStargz and zstd:chunked by Debian's `ctr-remote`, from one run of containerd.
    @Test(.enabled(if: Command.isExpected("ctr-remote") && Command.isExpected("skopeo")))
    func imagesOfCtrRemoteAreSound() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let archive = directory.appending("source.tar")
            let copy = try await Command.run(
                "skopeo", ["copy", "oci:\(source):latest", "oci-archive:\(archive):docker.io/library/source:1"])
            try #require(copy.status == 0, "\(copy.errors)")
            let made = try await Command.run(
                Command.repository.appending("Tests/EndToEndTests/with-containerd").string,
                [
                    """
                    remote="${CTR/ctr /ctr-remote }"
                    $CTR images import \(archive) >&2
                    source=docker.io/library/source:1
                    $remote images optimize --no-optimize --oci $source docker.io/library/estargz:1 >&2
                    $remote images convert --oci --zstdchunked $source docker.io/library/zstd:1 >&2
                    for name in estargz zstd; do
                        $CTR images export \(directory)/$name.tar docker.io/library/$name:1 >&2
                    done
                    """
                ])
            try #require(made.status == 0, "\(made.errors)")
            for (name, format) in [("estargz", "estargz"), ("zstd", "zstd-chunked")] {
                let image = "oci-archive:\(directory.appending("\(name).tar"))"
                let verified = try await Command.run(
                    Command.esgz, ["verify", "--source", "oci:\(source):latest", image])
                #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
                #expect(verified.output.contains("\n  LAZY\nno findings; the content is that of oci:"))
                #expect(try await formats(of: image) == [format, format, format, format])
                try await expectEqualListings(image, "oci:\(source):latest")
            }
        }
    }

    /// skopeo 1.9 loses the padding that tar programs leave behind the end of an archive, so it gets a converted image.
    @Test(.enabled(if: Command.isExpected("skopeo")))
    func zstdChunkedOfSkopeoIsReadLazilyAndNotCalledLazy() async throws {
        let source = try await Fixture.debian.path
        try await withTemporaryDirectory { directory in
            let converted = "oci:\(directory.appending("converted")):x"
            try await convert(["oci:\(source):latest", converted])
            let image = "oci:\(directory.appending("zstd")):x"
            let copy = try await Command.run(
                "skopeo", ["copy", "--dest-compress", "--dest-compress-format", "zstd:chunked", converted, image])
            try #require(copy.status == 0, "\(copy.errors)")
            #expect(Set(try await formats(of: image)) == ["zstd-chunked-containers"])
            // An attribute without a value is not in the table.
            try await expectEqualListings(image, converted, but: "~  17 B  srv/attributes (xattrs)")
            let verified = try await Command.run(Command.esgz, ["verify", "--json", image])
            #expect(verified.status == 6)
            let findings = try JSON(parsing: Array(verified.output.utf8))["findings"]?.array ?? []
            #expect(findings.filter { $0["promise"]?.string == "annotations" }.count == 4)
            let others = findings.filter { $0["promise"]?.string != "annotations" }
            #expect(others.map { $0["promise"]?.string } == ["tar"], "\(verified.output)")
            #expect(others.map { $0["entry"]?.string } == ["srv/attributes"])
        }
    }

    /// containerd pulls the first layer that is not lazy and all above: just what `verify` says.
    @Test(
        .enabled(
            if: LocalRegistry.isExpected && Command.isExpected("ctr-remote") && Command.isExpected("skopeo")))
    func whatIsCalledNotLazyIsPulled() async throws {
        let source = try await Fixture.debian.path
        let snapshotter = try await Fixture.snapshotter.path
        try await withRegistry { registry, directory in
            let converted = directory.appending("converted")
            try await convert(["oci:\(source):latest", "oci:\(converted):lazy"])
            let layers = try mix(converted, with: source)
            for (tag, eager) in [("lazy", []), ("mixed", Array(layers[1...]))] {
                let image = "\(registry.name)/debian:\(tag)"
                let copy = try await Command.run(Command.esgz, ["copy", "-q", "oci:\(converted):\(tag)", image])
                try #require(copy.status == 0, "\(copy.errors)")
                let verified = try await Command.run(Command.esgz, ["verify", image])
                #expect(verified.status == (eager.isEmpty ? 0 : 6))
                #expect(verified.output.contains("NOT LAZY from layer 2 up") != eager.isEmpty)
                let lazy = try await Command.run(
                    Command.repository.appending("Tests/EndToEndTests/lazy-pull").string,
                    [image, "--", "/bin/true"], environment: ["ESGZ_SNAPSHOTTER": snapshotter.string])
                #expect((lazy.status == 0) == eager.isEmpty, "\(lazy.errors)")
                let pulled = lazy.errors.split(separator: "\n").first { $0.contains("downloaded in full") } ?? ""
                #expect(layers.filter { pulled.contains($0) } == eager, "\(lazy.errors)")
            }
        }
    }

    // MARK: -

    private func formats(of image: String) async throws -> [String?] {
        let result = try await Command.run(Command.esgz, ["inspect", "--json", image])
        #expect(result.status == 0 && result.errors == "", "\(result.errors)")
        let layers = try JSON(parsing: Array(result.output.utf8))["layers"]?.array ?? []
        return layers.map { $0["format"]?.string }
    }

    /// Two images hold the same files, but for one; the first is read lazily.
    private func expectEqualListings(_ image: String, _ other: String, but change: String? = nil) async throws {
        let listings = try await [image, other].asyncMap { image in
            try await Command.run(Command.esgz, ["ls", "-lR", image])
        }
        #expect(listings[0].errors == "", "\(listings[0].errors)")
        #expect(listings[0].output == listings[1].output)
        let difference = try await Command.run(Command.esgz, ["diff", other, image])
        let changes = change.map { "\($0)\n0 added, 0 removed, 1 changed; +0 B\n" }
        #expect(difference.output == changes ?? "0 added, 0 removed, 0 changed; +0 B\n")
        let contents = try await [image, other].asyncMap { image in
            try await Command.run(Command.esgz, ["cat", image, "usr/share/common-licenses/GPL-3", "etc/passwd"])
        }
        #expect(contents[0].output == contents[1].output && contents[0].output.utf8.count > 30_000)
    }

    /// Names another image `mixed`, whose second layer is that of the source.
    ///
    /// - Returns: the digests of its layers.
    private func mix(_ layout: FilePath, with source: FilePath) throws -> [String] {
        func document(_ digest: String, in layout: FilePath) throws -> JSON {
            let path = layout.appending("blobs/sha256").appending(String(digest.dropFirst("sha256:".count)))
            return try JSON(parsing: try FileSlice(opening: path).bytes())
        }
        func image(_ layout: FilePath, _ tag: String) throws -> (manifest: JSON, configuration: JSON) {
            let digest = try #require(try StoredImage.digest(of: tag, inLayout: layout))
            let manifest = try document(digest, in: layout)
            return (manifest, try document(try #require(manifest["config"]?["digest"]?.string), in: layout))
        }
        let (old, new) = (try image(source, "latest"), try image(layout, "lazy"))
        var (manifest, configuration) = new
        var layers = try #require(manifest["layers"]?.array)
        var diffIDs = try #require(configuration["rootfs"]?["diff_ids"]?.array)
        layers[1] = try #require(old.manifest["layers"]?.array?[1])
        diffIDs[1] = try #require(old.configuration["rootfs"]?["diff_ids"]?.array?[1])
        configuration["rootfs"]?["diff_ids"] = .array(diffIDs)
        let blob = "blobs/sha256/\(try #require(layers[1]["digest"]?.string).dropFirst("sha256:".count))"
        try write(try FileSlice(opening: source.appending(blob)).bytes(), to: layout.appending(blob))
        var index = try JSON(parsing: try FileSlice(opening: layout.appending("index.json")).bytes())
        for (document, type) in [(configuration, MediaType.ociConfiguration), (nil, .ociManifest)] {
            if document == nil { manifest["layers"] = .array(layers) }
            let bytes = (document ?? manifest).text
            let descriptor = Descriptor(mediaType: type, digest: Digest(of: bytes), size: Int64(bytes.count))
            try write(bytes, to: layout.appending("blobs/sha256").appending(descriptor.digest.hex))
            if document != nil {
                manifest["config"] = descriptor.json
            } else {
                var entry = descriptor
                entry.editAnnotations { $0[Annotation.referenceName] = "mixed" }
                index["manifests"] = .array((index["manifests"]?.array ?? []) + [entry.json])
            }
        }
        try write(index.text, to: layout.appending("index.json"))
        return layers.compactMap { $0["digest"]?.string }
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
