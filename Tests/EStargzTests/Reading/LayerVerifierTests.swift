import Archive
import Content
import EStargz
import SystemPackage
import TestSupport
import Testing

/// Layers with one byte changed, and what is found when manifest and index name the changed blob.
struct LayerVerifierTests {
    private static func sample() async throws -> ConvertedLayer {
        try await Layer(
            Tar(.pax) {
                directory("etc")
                file("etc/motd", "hello, world").attribute("user.a", [1])
                file("etc/big", String(repeating: "0123456789", count: 30))
                symlink("link", to: "etc/motd")
            }.bytes
        ).converted(chunkSize: 100)
    }

    /// What is found, by its promise.
    private func promises(in blob: [UInt8], of layer: ConvertedLayer) async -> [LayerPromise] {
        let identity = LayerIdentity(
            digest: Digest(of: blob), size: Int64(blob.count), diffID: layer.built.diffID)
        do {
            let reader = try await LayerReader(BytesInMemory(blob), trusting: .text(layer.built.tocDigest)) { nil }
            let verifier = LayerVerifier(reader, expecting: identity, limit: 1 << 20, in: "/tmp")
            return try verifier.verify(blob).findings.all.map(\.promise)
        } catch {
            // It is not opened, and no snapshotter would mount it; VerifyTests tell by which promise.
            return [.toc]
        }
    }

    @Test func theSampleIsSound() async throws {
        let layer = try await Self.sample()
        #expect(await promises(in: layer.bytes, of: layer) == [])
    }

    /// Some bits of a compressed stream decide nothing: the same data can be written in several ways. All other changes
    /// are found, and not by the digest of the blob, which is right here.
    @Test(arguments: [UInt8(1), 2, 4, 8, 16, 32, 64, 128, 255])
    func everyChangedByteIsFoundUnlessItChangesNothing(mask: UInt8) async throws {
        let layer = try await Self.sample()
        let sound = try GzipMember.all(of: layer.bytes)
        var harmless = 0
        for position in layer.bytes.indices {
            var blob = layer.bytes
            blob[position] ^= mask
            let promises = await promises(in: blob, of: layer)
            guard promises.isEmpty else {
                #expect(!promises.contains(.blobDigest))
                continue
            }
            harmless += 1
            let members = try GzipMember.all(of: blob)
            #expect(members.map(\.offset) == sound.map(\.offset), "byte \(position)")
            #expect(members.map(\.bytes) == sound.map(\.bytes), "byte \(position)")
            #expect(members.map(\.extra) == sound.map(\.extra), "byte \(position)")
        }
        #expect(harmless < layer.bytes.count / 50)
    }

    @Test func everyChangedByteIsFoundByTheDigestOfTheBlob() async throws {
        let layer = try await Self.sample()
        for position in stride(from: 0, to: layer.bytes.count, by: 11) {
            var blob = layer.bytes
            blob[position] ^= 1
            let identity = LayerIdentity(
                digest: layer.built.digest, size: Int64(blob.count), diffID: layer.built.diffID)
            guard
                let reader = try? await LayerReader(
                    BytesInMemory(blob), trusting: .text(layer.built.tocDigest), externalTOC: { nil })
            else { continue }
            let verifier = LayerVerifier(reader, expecting: identity, limit: 1 << 20, in: "/tmp")
            #expect(try verifier.verify(blob).findings.all.contains { $0.promise == .blobDigest })
        }
    }

    @Test func aLayerThatInflatesWithoutEndIsGivenUp() async throws {
        let layer = try await Self.sample()
        let identity = LayerIdentity(
            digest: layer.built.digest, size: Int64(layer.bytes.count), diffID: layer.built.diffID)
        let reader = try await LayerReader(BytesInMemory(layer.bytes), trusting: .text(layer.built.tocDigest)) { nil }
        let verifier = LayerVerifier(reader, expecting: identity, limit: 1000, in: "/tmp")
        #expect(await failureKind { try verifier.verify(layer.bytes) } == .limit)
    }
}
