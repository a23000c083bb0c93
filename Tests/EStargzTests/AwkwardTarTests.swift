import Content
import EStargz
import TestSupport
import Testing

/// Reference §4.5 and §10.11: what the table of contents shows is what unpacking the source leaves behind.
struct AwkwardTarTests {
    @Test(arguments: AwkwardTar.all)
    func theMountShowsWhatUnpackingLeavesBehind(awkward: AwkwardTar) async throws {
        let blob = try await awkward.tar.converted()
        let differences = try blob.tree().differences(from: awkward.tar.unpacked)
        #expect(differences == [])
    }

    @Test(arguments: AwkwardTar.all)
    func chunksAndCompressionMakeNoDifference(awkward: AwkwardTar) async throws {
        let blob = try await awkward.tar.converted(.gzipMembers, chunkSize: 7)
        let differences = try blob.tree().differences(from: awkward.tar.unpacked)
        #expect(differences == [])
    }

    @Test(arguments: AwkwardTar.all)
    func convertingTheResultAgainChangesNothing(awkward: AwkwardTar) async throws {
        let first = try await Layer(awkward.tar.bytes).converted(chunkSize: 1000)
        let second = try await Layer(blob: first.bytes, diffID: first.built.diffID).converted(chunkSize: 1000)
        #expect(second.bytes == first.bytes)
    }
}
