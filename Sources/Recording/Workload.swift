import Archive
import Content
import OCI
import Profiles

/// A process as a runtime starts it: what the image says and what its user wants, merged.
struct Workload {
    /// What shells and runtimes take where an image has no `PATH`.
    private static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    /// Larger files of accounts are no such files.
    private static let accountFileLimit: Int64 = 16 << 20

    let arguments: [String]
    let environment: [String]
    let workingDirectory: String
    let account: Account
    /// A number of Linux.
    let stopSignal: Int32

    /// - Throws: when nothing says what to run, the image does not know its user, or is not fit for a container.
    init(_ request: WorkloadRequest, of image: ReadableImage) async throws {
        let said = image.configuration.workload
        arguments =
            (request.entrypoint.isEmpty ? said.entrypoint : request.entrypoint)
            + (request.arguments.isEmpty ? said.command : request.arguments)
        for path in RuntimeSpecification.mountPoints {
            guard let node = image.tree[EntryPath(path)], image.tree.kind(of: node) != .directory else { continue }
            throw RecordingFailure.mountPoint("/" + path)
        }
        guard let program = arguments.first, !program.isEmpty else { throw RecordingFailure.nothingToRun }
        let terminal = request.usesTerminal ? ["TERM=xterm"] : []
        environment = Self.merged([Self.defaultPath] + terminal + said.environment + request.environment)
        let directory = request.workingDirectory ?? said.workingDirectory
        workingDirectory = directory.hasPrefix("/") ? directory : "/" + directory
        account = try Account(
            request.user ?? said.user, passwd: try await Self.text(of: "/etc/passwd", in: image),
            group: try await Self.text(of: "/etc/group", in: image))
        stopSignal = try said.stopSignal.map { try SignalName($0).number } ?? SignalName.terminate
    }

    /// Each variable once, where it came first, with the value that came last; a name without `=` takes it away.
    private static func merged(_ variables: [String]) -> [String] {
        variables.reduce(into: []) { merged, variable in
            let name = variable.prefix { $0 != "=" }
            let position = merged.firstIndex { $0.prefix { $0 != "=" } == name }
            switch (position, variable.contains("=")) {
            case (let position?, true): merged[position] = variable
            case (let position?, false): merged.remove(at: position)
            case (nil, true): merged.append(variable)
            case (nil, false): break
            }
        }
    }

    /// Empty where the image has no such file.
    private static func text(of path: String, in image: ReadableImage) async throws -> String {
        guard let node = image.tree.resolve(Array(path.utf8)).node, let file = node.file,
            case .regular(let size) = image.tree.kind(of: node)
        else { return "" }
        guard size <= accountFileLimit else {
            throw RecordingFailure.tooLarge(path, size: size, limit: accountFileLimit)
        }
        return String(decoding: try await image.contents.bytes(of: file, in: 0..<size), as: UTF8.self)
    }
}
