import TestSupport
import Testing

/// The library of the snapshotters opens, verifies and reads each layer, and its tar agrees with its table of contents.
@Suite(.enabled(if: ReferenceReader.isExpected, "go is not installed"))
struct ReferenceReaderTests {
    @Test(arguments: AwkwardTar.all)
    func itAcceptsAwkwardTars(awkward: AwkwardTar) async throws {
        let layer = try await Layer(awkward.tar.bytes).converted(chunkSize: 1000)
        #expect(try await ReferenceReader.findings(in: layer) == "")
    }

    @Test(arguments: Tar.Dialect.allCases, [UInt64](0..<12))
    func itAcceptsRandomTars(dialect: Tar.Dialect, seed: UInt64) async throws {
        let tar = Tar.random(seed: seed, dialect, prefix: ["", "./", "/", "../"][Int(seed % 4)])
        let layer = try await Layer(tar.bytes).converted(chunkSize: 7 + Int64(seed) * 50)
        #expect(try await ReferenceReader.findings(in: layer) == "")
    }
}
