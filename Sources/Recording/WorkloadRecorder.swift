import Archive
import Content
import OCI
import Profiles
import SystemPackage
import Unpacking

/// Makes a profile by running the workload of an image in a container.
package struct WorkloadRecorder: Profiler {
    private let request: WorkloadRequest
    private let control: RunControl
    private let temporaryDirectory: FilePath
    private let say: @Sendable (String) -> Void

    /// - Parameters:
    ///   - request: how to run it.
    ///   - control: ends the workload when its user has seen enough.
    ///   - temporaryDirectory: where the image is unpacked.
    ///   - say: tells in a line what its user should know.
    package init(
        _ request: WorkloadRequest, control: RunControl, in temporaryDirectory: FilePath,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.request = request
        self.control = control
        self.temporaryDirectory = temporaryDirectory
        self.say = say
    }

    /// Makes sure that workloads can be run here.
    ///
    /// - Throws: says all that is missing.
    package func checkPrivilege() throws {
        _ = try Runtime(request.runtime)
    }

    /// Runs the image, which must be for this machine, and waits for the end of its workload.
    ///
    /// - Throws: also when the workload fails, unless that is allowed. Nothing stays behind.
    package func profile(of image: ReadableImage) async throws -> Profile {
        let runtime = try Runtime(request.runtime)
        let workload = try await Workload(request, of: image)
        let directory = try RunDirectory(in: temporaryDirectory)
        let record: ContainerRun.Record
        do {
            record = try await run(
                ContainerRun(
                    runtime: runtime, directory: directory, workload: workload, request: request, control: control),
                image)
        } catch {
            // What went wrong first is what to tell.
            try? directory.remove()
            throw error
        }
        try directory.remove()
        try check(record)
        let profile = Self.profile(record.paths, of: image)
        guard !profile.entries.isEmpty else { throw RecordingFailure.nothingOpened }
        return profile
    }

    private func run(_ container: ContainerRun, _ image: ReadableImage) async throws -> ContainerRun.Record {
        let directory = container.directory
        let shortfall = try await Unpacker(image.tree, image.contents).unpack(into: directory.imageDirectory)
        if !shortfall.isEmpty { say("warning: \(shortfall)") }
        let specification = RuntimeSpecification(
            workload: container.workload, request: request,
            files: try NetworkFiles(request: request).write(into: directory),
            rootDirectory: directory.rootDirectory, controlGroup: "/" + directory.name)
        try directory.write(specification.text, as: "config.json", permissions: 0o600)
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await onThread { try container.run() }
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
            if status != 0 { say("warning: the workload failed with status \(status) after \(record.time.seconds)") }
            if let text = request.awaitedText { say("warning: the workload ended before it wrote '\(text.printable)'") }
        case .period:
            let missing = request.awaitedText.map { ", and had not written '\($0.printable)'" } ?? ""
            say("the workload was ended after \(record.time.seconds), as --period says\(missing)")
        case .text, .wish: say("the workload was ended after \(record.time.seconds)")
        }
    }

    /// The regular files of the image among the paths: not what the workload made, nor what was mounted over it.
    private static func profile(_ paths: [EntryPath], of image: ReadableImage) -> Profile {
        Profile(
            paths.compactMap { path in
                guard let node = image.tree[path], case .regular = image.tree.kind(of: node) else { return nil }
                return Profile.Entry(
                    .path(path), origin: Profile.Origin(manifest: image.manifest, layer: node.name?.layer))
            })
    }
}
