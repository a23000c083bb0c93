import Archive
import Content
import Glibc
import OCI
import Profiles
import Recording
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// An image that holds the probe as `/probe`, and what else a test needs.
struct ProbeImage {
    let image: ReadableImage

    /// Makes one whose configuration has these members, such as `"User":"1"`.
    init(
        _ configuration: String = "", program: [UInt8]? = nil, architecture: String = Platform.local.architecture,
        @TarBuilder _ items: () -> [TarItem]
    ) async throws {
        let probe: [UInt8] = if let program { program } else { try await Probe.shared.isStatic }
        let tars = try MergedTars(Tar { file("probe", probe).mode(0o755) }, Tar(.pax, items: items()))
        let text =
            #"{"os":"linux","architecture":"\#(architecture)","config":{\#(configuration)},"#
            + #""rootfs":{"type":"layers","diff_ids":[]}}"#
        image = ReadableImage(
            manifest: Digest(of: Array("manifest".utf8)),
            configuration: try ImageConfiguration(try Document(parsing: Array(text.utf8))), tree: tars.tree,
            contents: tars)
    }

    /// Runs the probe, and gives the recorded paths and what was said meanwhile.
    func record(
        _ words: String, in directory: FilePath, control: RunControl? = nil,
        _ change: (inout WorkloadRequest) -> Void = { _ in }
    ) async throws -> (profile: Profile, said: [String]) {
        var request = WorkloadRequest()
        request.entrypoint = ["/probe"]
        request.arguments = words.split(separator: " ").map(String.init)
        request.period = .seconds(60)
        change(&request)
        let said = Said()
        let recorder = WorkloadRecorder(request, control: try control ?? RunControl(), in: directory) { event in
            switch event {
            case .progress: break
            case .remark(let text): said.add(text)
            case .warning(let text): said.add("warning: \(text)")
            }
        }
        return (try await recorder.profile(of: image), said.lines)
    }
}

private final class Said: Sendable {
    private let state = Mutex<[String]>([])

    func add(_ line: String) { state.withLock { $0.append(line) } }
    var lines: [String] { state.withLock { $0 } }
}

extension Profile {
    /// What is named, without a slash in front.
    var paths: [String] {
        entries.map { entry in
            if case .path(let path) = entry.item { path.description } else { "no path" }
        }
    }
}

/// Expects that a run has left nothing: no mount, no control group, no directory.
func expectNothingLeft(in directory: FilePath, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let left = try names(below: directory).filter { $0.hasPrefix("esgz-") }
    #expect(left == [], sourceLocation: sourceLocation)
    let mounts = try text(ofProc: "/proc/self/mountinfo")
    #expect(!mounts.contains(directory.string), sourceLocation: sourceLocation)
}

/// The text of a file, also of one that has no size of its own.
func text(ofProc path: String) throws -> String {
    let file = try FileDescriptor.open(FilePath(path), .readOnly)
    return try file.closeAfter {
        var bytes: [UInt8] = []
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { block.deallocate() }
        while case let count = try file.read(into: block), count > 0 { bytes += block[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Whether workloads can be run here; in CI they must.
var canRecord: Bool { geteuid() == 0 && Command.isExpected("runc") && Command.isExpected("gcc") }
