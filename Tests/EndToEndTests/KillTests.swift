import Content
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// `kill -9` at any moment: whoever reads the destination finds the image of before or the new one, whole; the next run
/// goes through.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct KillTests {
    private static let kills = 50

    @Test func aKilledConversionIntoALayoutLeavesAWholeImage() async throws {
        try await withTemporaryDirectory { directory in
            let images = try await ChaosImages(in: directory)
            try await Self.killOften("a layout", images) { number in
                let path = directory.appending("result-\(number)")
                // Every second time there is nothing yet, not even a directory.
                if number.isMultiple(of: 2) {
                    try FileManager.default.copyItem(atPath: images.oldLayout.string, toPath: path.string)
                }
                return Destination(
                    location: "oci:\(path):tag", image: StoredImage(layout: path),
                    digest: { try StoredImage.digest(of: "tag", inLayout: path) },
                    leftovers: {
                        // Killed so early that it had not come to make the directory.
                        guard FileManager.default.fileExists(atPath: path.string) else { return [] }
                        return try names(below: path).filter { $0.contains(".esgz-") }
                    },
                    remove: { try FileManager.default.removeItem(atPath: path.string) })
            }
        }
    }

    @Test(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"))
    func aKilledConversionIntoARegistryLeavesAWholeImage() async throws {
        try await withTemporaryDirectory { directory in
            let local = try LocalRegistry(in: directory, inMemory: true)
            defer { local.stop() }
            let images = try await ChaosImages(in: directory)
            let registry = PlainRegistry(port: local.port)
            let old = images.digests[ChaosImages.old] ?? ""
            try await onThread {
                try registry.push(StoredImage(layout: images.layout), old, to: "source", tag: "old")
            }
            try await Self.killOften("a registry", images) { number in
                let repository = "result-\(number)"
                if number.isMultiple(of: 2) {
                    try await onThread {
                        let image = registry.image(in: "source")
                        try registry.mount(image, old, from: "source", to: repository, tag: "tag")
                    }
                }
                return Destination(
                    location: "\(local.name)/\(repository):tag", image: registry.image(in: repository),
                    digest: { try registry.digest(of: "tag", in: repository) })
            }
        }
    }

    @Test func aKilledConversionIntoAnArchiveLeavesAWholeImage() async throws {
        try await withTemporaryDirectory { directory in
            let images = try await ChaosImages(in: directory)
            let old = directory.appending("old.tar")
            try await convert(["oci:\(images.layout):\(ChaosImages.old)", "oci-archive:\(old):tag"])
            try await Self.killOften("an archive", images) { number in
                let place = directory.appending("result-\(number)")
                let (archive, unpacked) = (place.appending("image.tar"), place.appending("unpacked"))
                try FileManager.default.createDirectory(atPath: place.string, withIntermediateDirectories: true)
                if number.isMultiple(of: 2) {
                    try FileManager.default.copyItem(atPath: old.string, toPath: archive.string)
                }
                return Destination(
                    location: "oci-archive:\(archive):tag", image: StoredImage(layout: unpacked),
                    makeReadable: {
                        let unpack =
                            "rm -rf unpacked; mkdir unpacked; ! [ -e image.tar ] || tar -xf image.tar -C unpacked"
                        let command = try await Command.run("sh", ["-c", unpack], in: place)
                        try #require(command.status == 0, "\(command.errors)")
                    },
                    digest: { try StoredImage.digest(of: "tag", inLayout: unpacked) },
                    leftovers: { try names(below: place).filter { $0.contains(".esgz-") } },
                    remove: { try FileManager.default.removeItem(atPath: place.string) })
            }
        }
    }

    /// A place where a run ends before its time.
    private struct Destination: Sendable {
        let location: String
        let image: StoredImage
        /// Called before the image is read.
        var makeReadable: @Sendable () async throws -> Void = {}
        /// What the tag stands for; blocks.
        let digest: @Sendable () throws -> String?
        /// Temporary files.
        var leftovers: @Sendable () throws -> [String] = { [] }
        var remove: @Sendable () throws -> Void = {}

        /// What the tag stands for, once all of it has been found to be there.
        func wholeImage() async throws -> String? {
            try await makeReadable()
            return try await onThread {
                guard let digest = try digest() else { return nil }
                try image.parts(below: digest)
                return digest
            }
        }
    }

    /// Kills runs until so many did not get to their end.
    private static func killOften(
        _ place: String, _ images: ChaosImages, destination: (_ number: Int) async throws -> Destination
    ) async throws {
        let start = ContinuousClock.now
        var random = SeededGenerator(9)
        let source = ["convert", "--quiet", "oci:\(images.layout):platforms"]
        // How long a run takes when it is left alone.
        var duration = Duration.milliseconds(100)
        var (runs, killed, published, dirty) = (0, 0, 0, 0)
        while killed < kills {
            runs += 1
            try #require(runs < 20 * kills, "\(runs) runs, and only \(killed) of them could be killed")
            let destination = try await destination(runs)
            let old = try await destination.wholeImage()
            // To `timeout`, zero means for ever.
            // A little later than the end of the last run, which found all blobs in place.
            let milliseconds = 1 + Double(duration / .milliseconds(1)) * Double.random(in: 0...1.2, using: &random)
            let command = try await Command.run(
                "timeout",
                ["--signal", "KILL", "\(milliseconds / 1000)", Command.esgz] + source + [destination.location])
            #expect(command.status == 137 || command.status == 0, "\(command.errors)")
            let found = try await destination.wholeImage()
            #expect(found == images.converted["platforms"] || found == old && command.status != 0)
            if command.status == 137 {
                killed += 1
                if found != old { published += 1 }
                if try !destination.leftovers().isEmpty { dirty += 1 }
            }

            let next = ContinuousClock.now
            #expect(try await convert([source[2], destination.location]) == images.converted["platforms"])
            duration = next.duration(to: .now)
            #expect(try await destination.wholeImage() == images.converted["platforms"])
            #expect(try destination.leftovers() == [])
            try destination.remove()
        }
        print(
            """
            kill -9: \(killed) of \(runs) runs into \(place) killed, \(published) of them after publishing, \(dirty) left \
            temporary files, which the next run removed; \(start.duration(to: .now).components.seconds) s
            """)
    }
}
