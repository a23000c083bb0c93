import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// What disks, networks and users do to a conversion: exit statuses 1, 3, 4, 5, 130 and 143.
@Suite(.timeLimit(.minutes(15)))
struct DisturbanceTests {
    private static let mayMount = geteuid() == 0 || Command.isInCI

    @Test(.enabled(if: mayMount, "needs root, to mount a small file system"))
    func aFullDiskForTemporaryFilesIsTold() async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 300_000))]) { place, _ in
            let command = try await place.shell(
                """
                unshare --mount bash -c 'mount -t tmpfs -o size=64k tmpfs "$tmp" &&
                    { "$esgz" convert "$source" "$destination" --tmp-dir "$tmp"; status=$?; }
                    ls -A "$tmp"; exit $status'
                """)
            try place.expectFailure(
                command, 1, saying: ["oci:\(place.source):latest: layer 1 (", "No space left", "--tmp-dir"])
        }
    }

    @Test(.enabled(if: mayMount, "needs root, to mount a small file system"))
    func aFullDestinationIsTold() async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 300_000))]) { place, _ in
            let command = try await place.shell(
                """
                mkdir destination
                unshare --mount bash -c 'mount -t tmpfs -o size=64k tmpfs destination &&
                    { "$esgz" convert "$source" "$destination" --tmp-dir "$tmp"; status=$?; }
                    find destination -name ".esgz-*" -o -name index.json; exit $status'
                """)
            try place.expectFailure(
                command, 1, saying: ["layer 1 (", "oci:\(place.destination):new", "No space left"])
        }
    }

    /// Not after the image has been fetched.
    @Test(.enabled(if: mayMount, "needs root, to mount a small file system"))
    func anArchiveThatCannotBeReplacedIsToldBeforeAnythingIsRead() async throws {
        try await withWorkplace { place, _ in
            let command = try await place.shell(
                """
                mkdir full; echo old >full/archive.tar
                unshare --mount bash -c 'mount --bind full full && mount -o remount,ro,bind full &&
                    "$esgz" copy localhost:1/app:1 oci-archive:full/archive.tar'
                """)
            try place.expectFailure(command, 1, saying: ["cannot write full/archive.tar: Read-only file system"])
        }
    }

    /// `timeout` ends what does not end by itself with status 137.
    @Test(arguments: [
        "login -u user --password-stdin localhost:1", "copy --creds-stdin localhost:1/app:1 $destination",
        "copy --authfile never localhost:1/app:1 $destination",
    ])
    func anInterruptionEndsTheWaitForCredentials(arguments: String) async throws {
        try await withWorkplace { place, _ in
            let command = try await place.shell(
                """
                mkfifo never; exec 3<>never
                timeout --preserve-status --signal TERM --kill-after 20 3 $esgz \(arguments) --retry 0 <never
                """)
            #expect(command.status == 143, "\(command.errors)")
            #expect(command.errors == "interrupted\n")
        }
    }

    @Test func aRegistryThatDoesNotListenIsUnavailable() async throws {
        try await withWorkplace { place, _ in
            let closed = try Listener().origin
            try place.expectFailure(
                try await place.esgz(["convert", "\(closed)/app:1", "oci:\(place.destination):new", "--tmp-dir", "tmp"]
                ),
                5, saying: ["\(closed)/app:1", "connect"])
        }
    }

    @Test func aRegistryThatHangsUpWithinABlobIsUnavailable() async throws {
        let layer = try TinyLayer(.motd(noise: 100_000))
        try await withWorkplace([layer]) { place, layout in
            let files = try place.documents(of: try layout.add([layer], tag: "served"))
            let blob = Exchange("GET /v2/app/blobs/\(layer.descriptor.digest)", 200, body: layer.blob, cut: 30_000)
            try await withScript(
                [
                    Exchange(
                        "GET /v2/app/manifests/1", 200, ["Content-Type": MediaType.ociManifest.text],
                        body: files.manifest),
                    Exchange("GET /v2/app/blobs/\(Digest(of: files.configuration))", 200, body: files.configuration),
                ] + Array(repeating: blob, count: 5)
            ) { server in
                let command = try await place.esgz([
                    "convert", "127.0.0.1:\(server.port)/app:1", "oci:\(place.destination):new", "--tmp-dir", "tmp",
                ])
                try place.expectFailure(
                    command, 5,
                    saying: ["127.0.0.1:\(server.port)/app:1: layer 1 (\(layer.descriptor.digest))", "GET"])
                #expect(server.deviations == [])
            }
        }
    }

    @Test(arguments: [(404, 3 as Int32, "not found"), (401, 4, "esgz login"), (403, 4, "not allowed")])
    func whatARegistryRefusesDecidesTheStatus(answer: Int, status: Int32, message: String) async throws {
        try await withWorkplace { place, _ in
            let row = Exchange("GET /v2/app/manifests/1", answer, ["WWW-Authenticate": "Basic realm=\"test\""])
            try await withScript([row]) { server in
                let command = try await place.esgz([
                    "convert", "127.0.0.1:\(server.port)/app:1", "oci:\(place.destination):new", "--tmp-dir", "tmp",
                ])
                try place.expectFailure(command, status, saying: ["127.0.0.1:\(server.port)/app:1", message])
            }
        }
    }

    @Test func aDestinationThatFailsDoesNotKeepTheOthersFromBeingServed() async throws {
        try await withWorkplace { place, _ in
            let closed = try Listener().origin
            let command = try await place.esgz([
                "convert", "oci:\(place.source)", "\(closed)/app:1", "oci:\(place.destination):new", "--tmp-dir",
                "tmp", "--quiet",
            ])
            #expect(command.status == 5)
            #expect(command.errors.hasPrefix("error: \(closed)/app:1: "), "\(command.errors)")
            #expect(command.errors.split(separator: "\n").count == 1, "\(command.errors)")
            #expect(command.output == "\(try place.published() ?? "")\n")
        }
    }

    @Test(arguments: [("INT", 130 as Int32), ("TERM", 143)])
    func aSignalEndsAConversionAndLeavesNothing(name: String, status: Int32) async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 32 << 20))]) { place, _ in
            // The highest level of one thread is far from done when the signal comes.
            let command = try await place.shell(
                """
                set -m; touch errors
                "$esgz" convert "$source" "$destination" --tmp-dir "$tmp" --compression-level 12 --threads 1 \
                    --progress json >output 2>errors &
                until grep -q '"entered"' errors; do sleep 0.02; done
                kill -\(name) $!
                wait $! 2>jobs; status=$?
                cat output; grep -v '^{' errors >&2; exit $status
                """)
            #expect(command.status == status)
            #expect(command.errors == "interrupted\n")
            #expect(command.output.isEmpty)
            try place.expectNothingLeft()
        }
    }

    @Test func aSignalEndsTheWaitForARegistry() async throws {
        try await withWorkplace { place, _ in
            let silent = try Listener(isListening: true)
            let command = try await place.shell(
                """
                timeout --preserve-status --signal TERM 1 \
                    "$esgz" convert \(silent.origin)/app:1 "$destination" --tmp-dir "$tmp"
                """)
            #expect(command.status == 143)
            try place.expectNothingLeft()
        }
    }
}

extension Command {
    /// Where nothing may be left out.
    fileprivate static var isInCI: Bool { getenv("CI").map { String(cString: $0) } == "true" }
}

extension Workplace {
    /// The bytes of a manifest in the source layout and of its configuration.
    fileprivate func documents(of manifest: Descriptor) throws -> (manifest: [UInt8], configuration: [UInt8]) {
        func bytes(_ digest: String) throws -> [UInt8] {
            try FileSlice(opening: source.appending("blobs/sha256").appending(String(digest.dropFirst(7)))).bytes()
        }
        let document = try bytes(manifest.digest.description)
        let configuration = try JSON(parsing: document)["config"]?["digest"]?.string
        return (document, try bytes(try #require(configuration)))
    }
}

/// A port of the loopback interface that is ours: nobody listens there, or somebody who never answers.
private final class Listener {
    private let descriptor: Int32
    let origin: String

    init(isListening: Bool = false) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, length) == 0 && getsockname(number, $0, &length) == 0
            }
        }
        guard isBound, !isListening || listen(number, 8) == 0 else { throw Errno(rawValue: errno) }
        origin = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    }

    deinit {
        close(descriptor)
    }
}
