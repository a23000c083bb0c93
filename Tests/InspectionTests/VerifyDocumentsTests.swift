import Content
import EStargz
import Inspection
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Manifests, configurations and indexes that readers refuse, or that never end.
struct VerifyDocumentsTests {
    @Test(arguments: [
        #"{"os":"linux","architecture":1,"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","created":"yesterday","rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","created":7,"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","config":{"Entrypoint":"/bin/sh"},"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","config":{"Labels":{"a":1}},"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","config":{"ArgsEscaped":"no"},"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","config":{"ExposedPorts":{"80/tcp":5}},"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","config":{"env":5},"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[D]},"RootFS":{}}"#,
        #"{"os":"linux","architecture":"amd64","created":"2023-02-30T00:00:00Z","rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","history":[{"empty_layer":1}],"rootfs":{"diff_ids":[D]}}"#,
        #"{"os":"linux","architecture":"amd64","history":[{"created":"1"}],"rootfs":{"diff_ids":[D]}}"#,
    ])
    func aConfigurationThatReadersRefuseIsFound(text: String) async throws {
        let verdict = try await verify(configuration: text)
        #expect(verdict.allFindings.map(\.promise) == ["manifest"], "\(verdict.allFindings)")
        #expect(!verdict.isLazy)
    }

    @Test(arguments: [
        (#"{"os":"linux","architecture":"amd64","created":"2024-05-06T07:08:09.1Z","rootfs":{"diff_ids":[D]}}"#, 0),
        (#"{"os":"linux","architecture":"amd64","config":{"Cmd":null,"x":1},"rootfs":{"diff_ids":[D]}}"#, 0),
        (#"{"os":"linux","architecture":"amd64","config":{"cmd":["sh"]},"rootfs":{"diff_ids":[D]}}"#, 0),
        (#"{"rootfs":{"diff_ids":[D]}}"#, 1),
    ])
    func aConfigurationThatReadersTakeIsLazy(text: String, findings: Int) async throws {
        let verdict = try await verify(configuration: text)
        #expect(verdict.isLazy && verdict.allFindings.count == findings, "\(verdict.allFindings)")
    }

    /// 300³ manifests, of which few are different ones, and more than anybody reads.
    @Test func indexesThatNameVeryManyManifestsEnd() async throws {
        for isWide in [false, true] {
            try await withTemporaryDirectory { directory in
                var layout = try LayoutBuilder(at: directory)
                let missing = (0..<(isWide ? 1 : 300)).map { number in
                    Descriptor(
                        mediaType: .ociManifest, digest: Digest(of: [1, UInt8(number % 256)]), size: Int64(number))
                }
                var root = try layout.putIndex(missing)
                for level in 0..<2 {
                    root = try layout.putIndex(
                        (0..<(!isWide ? 300 : level == 0 ? 1 : 2500)).map { number in
                            var child = root
                            if isWide { child.editAnnotations { $0["n"] = .string("\(level) \(number)") } }
                            return child
                        })
                }
                try layout.tag(root)
                let verdict = try await verify(directory)
                #expect(!verdict.isLazy && verdict.platforms.isEmpty)
                let ends = verdict.allFindings.filter { $0.text.contains("leads to at most 2000 manifests") }
                #expect(ends.count == (isWide ? 1 : 0) && verdict.allFindings.count <= 2001)
            }
        }
    }

    @Test func attestationsCountAsWell() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            let attestations = (0..<2500).map { number in
                var child = Descriptor(mediaType: .ociManifest, digest: Digest(of: [3]), size: Int64(number))
                child.editAnnotations { $0[Annotation.referenceType] = "attestation-manifest" }
                return child
            }
            try layout.tag(try layout.putIndex(attestations))
            let verdict = try await verify(directory)
            #expect(verdict.allFindings.count < 4100 && !verdict.isLazy)
        }
    }

    @Test func anIndexWithoutOneOfItsManifestsIsNotLazy() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            let image = try layout.putImage([try await layer()])
            var gone = Descriptor(mediaType: .ociManifest, digest: Digest(of: [9]), size: 9)
            gone.json["platform"] = JSON.object(JSON.Object())
            try layout.tag(try layout.putIndex([image, gone]))
            let verdict = try await verify(directory)
            #expect(!verdict.isLazy && verdict.platforms.count == 1 && verdict.platforms[0].isLazy)
            #expect(verdict.allFindings.map(\.promise) == ["manifest"])
        }
    }

    @Test func aLayerThatNoRuntimeUnpacksIsFound() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            let lazy = try await layer()
            var other = lazy
            other.descriptor = lazy.descriptor.replacing(
                mediaType: MediaType("application/vnd.oci.image.layer.v1.tar+br"), digest: lazy.descriptor.digest,
                size: lazy.descriptor.size)
            try layout.tag(try layout.putImage([lazy, other]))
            let verdict = try await verify(directory)
            #expect(verdict.platforms[0].firstEager?.number == 2)
            #expect(verdict.allFindings.map(\.promise) == ["media-type"], "\(verdict.allFindings)")
        }
    }

    @Test func aManifestOfAnotherSizeIsFound() async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            var image = try layout.putImage([try await layer()])
            image.json["size"] = .integer(image.size + 1)
            image.size += 1
            try layout.tag(try layout.putIndex([image]))
            let verdict = try await verify(directory)
            #expect(!verdict.isLazy && verdict.allFindings.map(\.promise) == ["manifest"], "\(verdict.allFindings)")
        }
    }

    // MARK: -

    private func layer() async throws -> BuiltTestLayer {
        try LayerPieces(try await Layer(Tar { file("a", "x") }.bytes).converted()).layer()
    }

    /// `D` stands for the digest of the only layer.
    private func verify(configuration text: String) async throws -> ImageVerdict {
        let layer = try await layer()
        return try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            let text = text.split(separator: "[D]").joined(separator: #"["\#(layer.diffID)"]"#)
            let configuration = try layout.put(text, .ociConfiguration)
            try layout.tag(try layout.putImage([layer]) { $0["config"] = configuration.json })
            return try await verify(directory)
        }
    }

    private func verify(_ directory: FilePath) async throws -> ImageVerdict {
        try await ImageVerifier(
            VerificationRequest(options: InspectionOptions(temporaryDirectory: directory)),
            of: ImageLayout(directory, tag: "latest"), tables: ExternalTables { nil }
        ).run()
    }
}
