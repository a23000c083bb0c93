import Content
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import Recording

/// What killed runs leave behind goes away, however it lies there.
struct RunDirectoryTests {
    private func make(_ paths: [String], in directory: FilePath) {
        for path in paths { #expect(mkdir(directory.appending(path).string, 0o755) == 0) }
    }

    @Test func aRemovalThatWasKilledIsTakenUpAgain() async throws {
        try await withTemporaryDirectory { place in
            make(["t", "t/.moved-0", "t/.moved-0/x", "t/a", "t/a/b", "t/a/b/c", "t/a/d"], in: place)
            try write([1], to: place.appending("t/.moved-1"))
            try removeTree(place.appending("t"))
            #expect(access(place.appending("t").string, F_OK) != 0)
        }
    }

    @Test func namesAreReadWhole() async throws {
        try await withTemporaryDirectory { place in
            let names = ["a", String(repeating: "n", count: 255)]
            make(names, in: place)
            let directory = try FileDescriptor.open(place, .readOnly, options: .directory)
            try directory.closeAfter {
                let found = try namesInDirectory(directory)
                #expect(Set(found) == Set(names.map { Array($0.utf8) }))
            }
        }
    }

    @Test func oldDirectoriesThatWereNeverLockedAreCollected() async throws {
        try await withTemporaryDirectory { place in
            make(["esgz-new-old000", "esgz-new-young0", "other"], in: place)
            let hoursAgo = timespec(tv_sec: time(nil) - 7200, tv_nsec: 0)
            #expect(utimensat(AT_FDCWD, place.appending("esgz-new-old000").string, [hoursAgo, hoursAgo], 0) == 0)
            let run = try RunDirectory(in: place)
            #expect(access(place.appending("esgz-new-old000").string, F_OK) != 0)
            #expect(access(place.appending("esgz-new-young0").string, F_OK) == 0)
            try run.remove()
        }
    }

    @Test(arguments: [("RTMIN+3", 37), ("RTMAX-14", 50)] as [(String, Int32)])
    func realTimeSignalsHaveNumbers(name: String, number: Int32) throws {
        #expect(try SignalName(name).number == number)
        #expect(throws: RecordingFailure.self) { try SignalName("RTMIN\(Int32.min)") }
    }
}
