import Archive
import Content
import Glibc
import OCI
import Profiles
import Synchronization
import SystemPackage
import Unpacking

/// What a recorder tells its user.
package enum RecordingEvent: Sendable {
    /// What begins now, and may take long.
    case progress(String)
    /// What is done, and how it ended.
    case remark(String)
    /// What may make the profile worse than it could be.
    case warning(String)
}

/// Makes a profile by running the workload of an image in a container.
///
/// Of an index, what runs on this machine is run; its profile serves all other platforms as well.
package final class WorkloadRecorder: Profiler {
    private let request: WorkloadRequest
    private let control: RunControl
    private let temporaryDirectory: FilePath
    private let tell: @Sendable (RecordingEvent) -> Void
    /// What was recorded here, for the platforms that come later.
    private let recorded = Mutex<Profile?>(nil)

    /// - Parameters:
    ///   - request: how to run it.
    ///   - control: ends the workload when its user has seen enough.
    ///   - temporaryDirectory: where the image is unpacked.
    ///   - tell: called with what its user should know.
    package init(
        _ request: WorkloadRequest, control: RunControl, in temporaryDirectory: FilePath,
        tell: @escaping @Sendable (RecordingEvent) -> Void
    ) {
        self.request = request
        self.control = control
        self.temporaryDirectory = temporaryDirectory
        self.tell = tell
    }

    /// Makes sure that workloads can be run here, before anything is fetched.
    ///
    /// - Throws: says all that is missing.
    package func checkPrivilege() throws {
        _ = try Runtime(request.runtime)
        if request.usesTerminal, isatty(STDIN_FILENO) == 0 { throw RecordingFailure.noTerminal }
    }

    package var needsAllLayers: Bool { true }

    package func goesFirst(_ configuration: ImageConfiguration) -> Bool {
        configuration.platform.map { Platform.local.matches($0) } ?? true
    }

    /// Runs the image and waits for the end of its workload; for another machine, gives what was recorded before.
    ///
    /// - Throws: also when the workload fails, unless that is allowed. Nothing stays behind.
    package func profile(of image: ReadableImage) async throws -> Profile {
        if let platform = image.configuration.platform, !goesFirst(image.configuration) {
            guard let profile = recorded.withLock({ $0 }) else {
                throw RecordingFailure.otherPlatform(platform, local: .local)
            }
            tell(.remark("\(platform) does not run here; it gets the paths that were recorded on \(Platform.local)"))
            return profile
        }
        let record = try await record(image)
        try check(record)
        let profile = Self.profile(record.paths, of: image)
        guard !profile.entries.isEmpty else { throw RecordingFailure.nothingOpened }
        tell(.remark("recorded \(profile.entries.count) files in \(record.time.seconds)"))
        recorded.withLock { $0 = profile }
        return profile
    }

    private func record(_ image: ReadableImage) async throws -> ContainerRun.Record {
        let container = ContainerRun(
            runtime: try Runtime(request.runtime), workload: try await Workload(request, of: image), request: request,
            control: control, directory: try RunDirectory(in: temporaryDirectory))
        do {
            let record = try await run(container, image)
            try container.directory.remove()
            return record
        } catch {
            // What went wrong first is what to tell.
            try? container.directory.remove()
            throw error
        }
    }

    private func run(_ container: ContainerRun, _ image: ReadableImage) async throws -> ContainerRun.Record {
        let directory = container.directory
        tell(.progress("unpacking \(image.tree.count) files and directories"))
        let shortfall = try await Unpacker(image.tree, image.contents).unpack(into: directory.imageDirectory)
        if !shortfall.isEmpty { tell(.warning("\(shortfall)")) }
        let specification = RuntimeSpecification(
            workload: container.workload, request: request,
            files: try NetworkFiles(request: request).write(into: directory), rootDirectory: directory.rootDirectory,
            controlGroup: "/" + directory.name)
        try directory.write(specification.text, as: "config.json", permissions: 0o600)
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            tell(.progress("running \(container.workload.arguments.joined(separator: " ").printable)"))
            return try await onSecludedThread { try container.run() }
        } onCancel: {
            control.abandon()
        }
    }

    private func check(_ record: ContainerRun.Record) throws {
        switch record.end {
        case .byItself(let status):
            guard status == 0 || request.allowsFailure else {
                throw RecordingFailure.failed(status: status, after: record.time)
            }
            if status != 0 {
                tell(.warning("the workload failed with status \(status) after \(record.time.seconds)"))
            } else if let text = request.awaitedText, !record.wroteText {
                tell(.warning("the workload ended before it wrote '\(text.printable)'"))
            }
        case .period:
            let end = "the workload was ended after \(record.time.seconds), as --period says\(record.killedText)"
            if let text = request.awaitedText {
                tell(.warning(end + ", and had not written '\(text.printable)'"))
            } else {
                tell(.remark(end))
            }
        case .text, .wish: if record.wasKilled { tell(.remark("the workload was ended\(record.killedText)")) }
        }
    }

    /// The regular files of the image among the paths: not what the workload made, nor what was mounted over it.
    private static func profile(_ paths: [EntryPath], of image: ReadableImage) -> Profile {
        var seen: Set<EntryPath> = []
        return Profile(
            paths.compactMap { noted in
                let path = image.tree[noted] == nil ? noted.withoutRemark : noted
                guard let node = image.tree[path], seen.insert(path).inserted, case .regular = image.tree.kind(of: node)
                else { return nil }
                return Profile.Entry(
                    .path(path), origin: Profile.Origin(manifest: image.manifest, layer: node.name?.layer))
            })
    }
}

extension EntryPath {
    /// Without what the kernel adds to the name of a file that has been removed or replaced since it was opened.
    fileprivate var withoutRemark: EntryPath {
        let remark = " (deleted)".utf8
        guard bytes.suffix(remark.count).elementsEqual(remark) else { return self }
        return EntryPath(cleaning: bytes.dropLast(remark.count))
    }
}
