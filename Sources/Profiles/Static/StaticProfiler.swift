import Archive
import Content
import OCI

/// Tells from an image alone which files its workload needs first: nothing is run, and no network is asked.
///
/// What the loader, the C library, and the interpreters that are most in use do at the start is known well enough; the
/// rest is left out. The same image gives the same profile on every machine.
package struct StaticProfiler: Profiler {
    /// Of the variables of an image, in bytes: programs are not started with more.
    private static let environmentLimit = 1 << 20

    package init() {}

    /// The files that the command of the image opens until it does its work, by first use as far as it can be told.
    ///
    /// - Throws: `StaticProfileFailure` when the image does not say properly what it runs; when it cannot be read.
    package func profile(of image: ReadableImage) async throws -> Profile {
        try checkCommand(of: image.configuration)
        let workload = image.configuration.workload
        let files = VisitedFiles(of: image)
        var environment: [String: String] = [:]
        var remainingBytes = Self.environmentLimit
        for variable in workload.environment {
            remainingBytes -= variable.utf8.count
            guard remainingBytes > 0, let mark = variable.firstIndex(of: "=") else { continue }
            environment[String(variable[..<mark])] = String(variable[variable.index(after: mark)...])
        }
        let launch = Launch(
            arguments: workload.arguments, environment: environment, directory: EntryPath(workload.workingDirectory),
            isRoot: ["", "0", "root"].contains(workload.user.prefix { $0 != ":" }))
        try await StaticWalk(files).start(launch)
        // Nothing is found once the task is cancelled, which is no profile.
        try Task.checkCancellation()
        return files.profile
    }

    private func checkCommand(of configuration: ImageConfiguration) throws {
        for name in ["Entrypoint", "Cmd"] {
            guard let value = configuration.document.root["config"]?[name], value != .null else { continue }
            guard let words = value.array, words.allSatisfy({ $0.string != nil }) else {
                throw StaticProfileFailure.malformedCommand(field: name)
            }
        }
    }
}
