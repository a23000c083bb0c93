import Content
import SystemPackage
import TestSupport
import Testing

struct SpoolFileTests {
    private func append(_ text: String, to spool: SpoolFile) throws {
        try Array(text.utf8).withUnsafeBytes { try spool.append($0) }
    }

    private func read(_ count: Int, at offset: Int64, from source: any ByteSource) throws -> String {
        var buffer = [UInt8](repeating: 0, count: count)
        let filled = try buffer.withUnsafeMutableBytes { try source.read(at: offset, into: $0) }
        return String(decoding: buffer[..<filled], as: UTF8.self)
    }

    @Test func whatIsWrittenIsRead() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try SpoolFile(in: directory)
            try append("hello ", to: spool)
            try append("world", to: spool)
            spool.finish()
            #expect(try read(100, at: 0, from: spool) == "hello world")
            #expect(try read(3, at: 6, from: spool) == "wor")
            #expect(try read(3, at: 11, from: spool) == "")
            #expect(String(decoding: try spool.slice.bytes(), as: UTF8.self) == "hello world")
        }
    }

    @Test func theFileHasNoName() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try SpoolFile(in: directory)
            try append("x", to: spool)
            #expect(try names(below: directory) == [])
        }
    }

    @Test(.timeLimit(.minutes(15))) func aReaderWaitsForTheWriter() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try SpoolFile(in: directory)
            async let early = onThread { try read(5, at: 3, from: spool) }
            try append("abc", to: spool)
            try append("de", to: spool)
            #expect(["d", "de"].contains(try await early))
            spool.finish()
        }
    }

    @Test(.timeLimit(.minutes(15))) func aReaderThatWaitsLearnsOfTheFailure() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try SpoolFile(in: directory)
            try append("abc", to: spool)
            let early = Task { try await onThread { try read(5, at: 3, from: spool) } }
            spool.fail(DigestFailure.malformed("x"))
            await #expect(throws: DigestFailure.self) { _ = try await early.value }
            // What had come before can still be read.
            #expect(try read(5, at: 0, from: spool) == "abc")
        }
    }

    @Test func aDirectoryThatIsNotThereIsNamed() async {
        #expect { try SpoolFile(in: "/tmp/there/is/no/such/directory") } throws: { error in
            "\(error)".contains("/tmp/there/is/no/such/directory") && (error as? any Failure)?.kind == .notFound
        }
    }

    @Test func aFullDiskIsALocalFailureThatNamesTheOption() async throws {
        let failure = FileFailure.diskFull("/tmp", .noSpace)
        #expect(failure.kind == .io)
        #expect(failure.description.contains("--tmp-dir"))
    }

    @Test func aSliceIsARangeOfAFile() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("file")
            try write(Array("0123456789".utf8), to: path)
            let whole = try FileSlice(opening: path)
            let slice = FileSlice(whole.file, 2..<6)
            #expect(whole.count == 10)
            #expect(try slice.bytes() == Array("2345".utf8))
            #expect(try read(100, at: 3, from: slice) == "5")
            #expect(try read(100, at: 4, from: slice) == "")
            #expect(try read(100, at: -1, from: slice) == "")
            #expect(throws: FileFailure.self) { try FileSlice(whole.file, 5..<20).bytes() }
        }
    }

    @Test func aFileThatIsNotThereIsNotFound() async {
        #expect(await failureKind { try FileSlice(opening: "/tmp/there/is/no/such/file") } == .notFound)
    }
}
