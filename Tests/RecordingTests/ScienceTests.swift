import Content
import FoundationEssentials
import Glibc
import SystemPackage
import TestSupport
import Testing

/// A program of ours in Python, in a real image, as `strace` sees it and as it is recorded.
@Suite(
    .enabled(
        if: geteuid() == 0 && ["runc", "strace", "debootstrap", "umoci"].allSatisfy { Command.isExpected($0) },
        "needs root, runc, strace, debootstrap and umoci"))
struct ScienceTests {
    @Test func aProgramInPythonIsRecordedAsStraceSeesIt() async throws {
        let image = try await Fixture.science.path
        try await withTemporaryDirectory { place in
            let root = place.appending("bundle/rootfs")
            let unpacked = try await Command.run(
                "umoci", ["unpack", "--image", "\(image):latest", place.appending("bundle").string])
            #expect(unpacked.status == 0, "\(unpacked.errors)")
            let program =
                "import json, numpy, email.parser; print(numpy.array([1, 2]).sum(), open('/etc/hostname').name)"
            let command = ["/usr/bin/python3", "-c", program]
            let traced = try await Command.run(
                "strace",
                ["-f", "-e", "trace=openat,open,execve", "-o", place.appending("trace").string, "chroot", root.string]
                    + command)
            #expect(traced.output == "3 /etc/hostname\n", "\(traced.errors)")
            let recorded = try await Command.run(
                Command.esgz,
                ["profile", "record", "-q", "--to", "list", "--tmp-dir", place.string, "oci:\(image):latest", "--"]
                    + command)
            #expect(recorded.status == 0 && recorded.errors == "3 /etc/hostname\n", "\(recorded.errors)")
            let paths = recorded.output.split(separator: "\n").filter { $0.hasPrefix("/") }.map {
                String($0.dropFirst())
            }
            let trace = try text(ofProc: place.appending("trace").string)
            let opened = openedFiles(in: trace, root: root, after: "/usr/bin/python3")
            #expect(paths.count > 150)
            // Loaders are opened by the kernel, and the container has its own hostname.
            #expect(
                paths.filter { !$0.contains("/ld-linux") } == opened.filter { $0 != "etc/hostname" },
                "\(Set(paths).symmetricDifference(opened))")
        }
    }
}
