import Archive
import Content
import Glibc
import SystemPackage
import TestSupport
import Testing
import Unpacking

/// Files of which the image has less than it says.
struct BrokenContentsTests {
    private struct Broken: FileContents {
        let good: Range<Int64>

        func bytes(of file: MergedTree.Place, in range: Range<Int64>) throws -> [UInt8] {
            guard good.contains(range.lowerBound) else { throw Missing() }
            return [UInt8](repeating: 1, count: range.count)
        }
    }

    private struct Missing: Failure {
        var kind: FailureKind { .invalid }
        var description: String { "missing" }
    }

    @Test(arguments: [3 << 20, Int64.max])
    func nothingIsLeftOfAFileThatFails(size: Int64) async throws {
        try await withTemporaryDirectory { place in
            let entries = [
                TarEntry(name: "a", kind: .regular(size: 1), header: .literal([])),
                TarEntry(name: "b", kind: .regular(size: size), header: .literal([])),
            ]
            let unpacker = Unpacker(MergedTree([entries]), Broken(good: 0..<1 << 20))
            #expect(await failureKind { try await unpacker.unpack(into: place.appending("root")) } == .invalid)
            #expect(description(of: place.appending("root/a")).hasPrefix("file"))
            #expect(description(of: place.appending("root/b")) == "nothing")
        }
    }
}
